/** Largest body of an update check. update_engine sends 620 to 760 bytes; ChromiumOS stays under 10 KiB. */
export const maxRequestBytes = 65_536
