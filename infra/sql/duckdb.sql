-- The fleet in DuckDB, from the events of a store: for more machines than one file of SQLite should hold, and for questions
-- of your own. The same lines that `platte fleet` reads. docs/monitoring.md says how the two differ.
--
--   SET VARIABLE events = 's3://BUCKET/events';  -- or a folder; for S3 also: INSTALL httpfs; LOAD httpfs; CREATE SECRET …
--   SET VARIABLE since = '2026-11-01';           -- days before are not read
--   .read infra/sql/duckdb.sql
--   SELECT * FROM releases WHERE version = '4152.2.0'

-- One row for each contact of a machine. Syncers and refused requests are no machines.
CREATE OR REPLACE VIEW contacts AS
SELECT app, machine, coalesce(machinealias, '') AS alias, channel, version, coalesce(board, '') AS board,
  coalesce(oem, '') AS oem, coalesce(oemVersion, '') AS oem_version, TRY_CAST("time" AS TIMESTAMPTZ) AS ts,
  CASE WHEN decision = 'update' THEN '' ELSE coalesce(reason, '') END AS reason,
  CASE WHEN decision = 'update' THEN coalesce(offered, '') ELSE '' END AS offered, coalesce(reported, []) AS reported
FROM read_json(getvariable('events') || '/dt=*/hr=*/*.ndjson.gz', format = 'newline_delimited', ignore_errors = true,
  hive_partitioning = true, hive_types = {'dt': 'VARCHAR', 'hr': 'VARCHAR'}, columns = {
    'time': 'VARCHAR', 'event': 'VARCHAR', 'app': 'VARCHAR', 'channel': 'VARCHAR', 'version': 'VARCHAR', 'board': 'VARCHAR',
    'machine': 'VARCHAR', 'machinealias': 'VARCHAR', 'oem': 'VARCHAR', 'oemVersion': 'VARCHAR', 'syncer': 'BOOLEAN',
    'decision': 'VARCHAR', 'reason': 'VARCHAR', 'offered': 'VARCHAR', 'refused': 'VARCHAR',
    'reported': 'STRUCT("type" INTEGER, result INTEGER, error VARCHAR, previous VARCHAR)[]'})
WHERE event = 'contact' AND refused IS NULL AND syncer IS NOT TRUE AND machine <> ''
  AND dt >= coalesce(getvariable('since'), '') AND TRY_CAST("time" AS TIMESTAMPTZ) < now() + INTERVAL 10 MINUTE;

-- What a contact says of an update, each with the state that it makes. In one instant, events come after checks.
CREATE OR REPLACE VIEW steps AS
SELECT app, machine, channel, version, ts, 0 AS place, offered AS target,
  CASE WHEN offered <> '' THEN 'offered' WHEN reason IN ('up-to-date', 'fell-back') THEN reason ELSE 'waiting' END AS state,
  CASE WHEN reason IN ('up-to-date', 'fell-back') THEN '' ELSE reason END AS detail
FROM contacts WHERE offered <> '' OR reason <> ''
UNION ALL
SELECT app, machine, channel, version, ts, 1 + CASE "type" WHEN 13 THEN 1 WHEN 14 THEN 2 WHEN 3 THEN 4 ELSE 3 END AS place, '' AS target,
  CASE WHEN result = 0 AND error LIKE '44 %' THEN 'fell-back' WHEN result = 0 THEN 'failed'
    WHEN "type" = 3 AND result = 2 OR "type" = 54 AND result = 1 THEN 'rebooted' WHEN result = 9 THEN 'waiting'
    WHEN "type" = 13 THEN 'downloading' WHEN "type" = 14 THEN 'downloaded' ELSE 'installed' END AS state,
  CASE WHEN result = 0 AND error LIKE '44 %' THEN '' WHEN result IN (0, 9) THEN coalesce(error, 'unnamed') ELSE '' END AS detail
FROM (SELECT app, machine, channel, version, ts, unnest(reported, recursive := true) FROM contacts)
WHERE result IN (0, 9) OR result = 1 AND "type" IN (13, 14, 800, 2, 3, 54) OR "type" = 3 AND result = 2 AND previous <> '';

-- Where each machine is now. A failure stays until the machine tries again, or runs something else.
CREATE OR REPLACE VIEW machines AS
WITH newest AS (
  SELECT app, machine, arg_max(alias, ts) AS alias, arg_max(board, ts) AS board, arg_max(oem, ts) AS oem,
    arg_max(oem_version, ts) AS oem_version, arg_max(channel, ts) AS channel, arg_max(version, ts) AS version,
    min(ts) AS first_contact, max(ts) AS last_contact
  FROM contacts GROUP BY ALL
), moves AS (
  SELECT c.app, c.machine, arg_max(c.channel, c.ts) AS came_from
  FROM contacts c JOIN newest n USING (app, machine) WHERE c.channel <> n.channel GROUP BY ALL
), said AS (
  SELECT app, machine, max_by(s, (ts, place)) FILTER (place = 0) AS asked, max_by(s, (ts, place)) FILTER (place > 0) AS told,
    max_by(target, ts) FILTER (target <> '') AS target
  FROM steps s GROUP BY ALL
), stuck AS (
  SELECT *, coalesce(told.state IN ('failed', 'fell-back') AND told.version = newest.version AND asked.state <> 'up-to-date', false)
      AS is_stuck,
    told.state IN ('downloading', 'downloaded', 'installed') AND told.version <> newest.version AS is_done,
    asked IS NULL OR (told.ts, 1) > (asked.ts, 0) AS is_told
  FROM newest LEFT JOIN said USING (app, machine) LEFT JOIN moves USING (app, machine)
)
SELECT app, machine, alias, board, oem, oem_version, channel, version, first_contact, last_contact, coalesce(came_from, '') AS came_from,
  CASE WHEN asked IS NULL AND told IS NULL THEN 'seen' WHEN is_stuck THEN told.state
    WHEN told IS NOT NULL AND is_told THEN CASE WHEN is_done THEN 'rebooted' ELSE told.state END ELSE asked.state END AS state,
  CASE WHEN is_stuck OR told IS NOT NULL AND is_told AND is_done IS NOT TRUE THEN coalesce(told.detail, '')
    WHEN told IS NOT NULL AND is_told THEN '' ELSE coalesce(asked.detail, '') END AS detail,
  coalesce(target, '') AS target
FROM stuck;

-- How many machines run what, and in which state they are.
CREATE OR REPLACE VIEW tallies AS
SELECT app, channel, version, state, detail, count(*) AS machines FROM machines GROUP BY ALL ORDER BY ALL;

-- How far each machine came with each release that it was offered.
CREATE OR REPLACE VIEW progress AS
WITH tries AS (
  SELECT *, last_value(nullif(target, '') IGNORE NULLS) OVER (PARTITION BY app, machine ORDER BY ts, place) AS release FROM steps
), runs AS (
  SELECT app, machine, version AS release, min(ts) AS done FROM contacts GROUP BY ALL
)
SELECT app, machine, release AS version, min(ts) FILTER (state = 'offered') AS offered,
  min(ts) FILTER (place > 0 AND state IN ('downloading', 'downloaded', 'installed')) AS begun,
  min(ts) FILTER (state = 'installed') AS installed, any_value(done) AS done, max(ts) FILTER (state = 'failed') AS failed,
  arg_max(detail, ts) FILTER (state = 'failed') AS error, min(ts) FILTER (place > 0 AND state = 'fell-back') AS fell_back
FROM tries LEFT JOIN runs USING (app, machine, release) WHERE release IS NOT NULL GROUP BY app, machine, release;

-- The same by release. Success is the share of those that are done, of all that are done, failed or fell back.
CREATE OR REPLACE VIEW releases AS
WITH ends AS (
  SELECT *, done IS NULL AND fell_back IS NOT NULL AS is_back,
    done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, failed) AS is_failed
  FROM progress
)
SELECT app, version, count(offered) AS offered, count(coalesce(begun, installed, done)) AS begun,
  count(coalesce(installed, done)) AS installed, count(done) AS done, count(*) FILTER (is_failed) AS failed,
  count(*) FILTER (is_back) AS fell_back,
  count(done) / nullif(count(done) + count(*) FILTER (is_failed) + count(*) FILTER (is_back), 0) AS success,
  quantile_disc(epoch(done) - epoch(offered), 0.5) AS median_seconds
FROM ends GROUP BY ALL;

-- Machines whose last try of a release failed, by error.
CREATE OR REPLACE VIEW failures AS
SELECT app, version, error, count(*) AS machines FROM progress
WHERE done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, failed) GROUP BY ALL ORDER BY ALL;

-- Machines without a contact for a day.
CREATE OR REPLACE VIEW silent AS
SELECT app, channel, machine, version, state, last_contact FROM machines WHERE last_contact < now() - INTERVAL 24 HOUR;
