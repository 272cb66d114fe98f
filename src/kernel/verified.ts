declare const verified: unique symbol

/** Bytes whose signatures, or whose digest named by signed bytes, were checked. Only `trust/envelope.ts` makes one. */
export type Verified<T> = T & { readonly [verified]: true }
