import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { slowest } from './suites.ts'

/** Begins with the files that take longest; the others follow by their size, or by how long they took before. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = slowest.findIndex((name) => moduleId.includes(`/test/${name}`))
      return found < 0 ? slowest.length : found
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
