import { checkRows } from './checks.ts'
for (const row of checkRows) if (row.name.includes(process.argv[2] ?? '')) console.log(JSON.stringify(await row.run({ seconds: Number(process.argv[3] ?? 10) })))
