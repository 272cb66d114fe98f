/** How often a test with many rounds repeats itself: as often as it says in `npm run test:long`, a tenth of that elsewhere. */
export const rounds = (all: number): number => (process.env.PLATTE_TEST_ROUNDS === 'all' ? all : Math.ceil(all / 10))
