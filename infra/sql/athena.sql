-- The fleet in Amazon Athena, from the events of a store in S3. Replace BUCKET, and run the statements one after another:
-- Athena takes one at a time. Views have the columns of duckdb.sql.
--
--   SELECT * FROM releases WHERE version = '4152.2.0'

-- Partitions follow from their names, so none has to be added. Begin the range with your first day: each day costs time.
CREATE EXTERNAL TABLE platte_lines (
  `time` string, event string, app string, channel string, version string, board string, machine string,
  machinealias string, oem string, oemversion string, syncer boolean, decision string, reason string, offered string,
  refused string, reported array<struct<type: int, result: int, error: string, previous: string>>
)
PARTITIONED BY (dt string, hr string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true', 'case.insensitive' = 'true')
LOCATION 's3://BUCKET/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.dt.type' = 'date', 'projection.dt.format' = 'yyyy-MM-dd', 'projection.dt.range' = '2026-11-01,NOW',
  'projection.hr.type' = 'integer', 'projection.hr.range' = '0,23', 'projection.hr.digits' = '2',
  'storage.location.template' = 's3://BUCKET/events/dt=${dt}/hr=${hr}/'
);

-- One row for each contact of a machine in the last 30 days. Syncers and refused requests are no machines.
CREATE OR REPLACE VIEW contacts AS
SELECT app, machine, coalesce(machinealias, '') AS alias, channel, version, coalesce(board, '') AS board,
  coalesce(oem, '') AS oem, coalesce(oemversion, '') AS oem_version, try(CAST(from_iso8601_timestamp("time") AT TIME ZONE 'UTC' AS timestamp)) AS ts,
  CASE WHEN decision = 'update' THEN '' ELSE coalesce(reason, '') END AS reason,
  CASE WHEN decision = 'update' THEN coalesce(offered, '') ELSE '' END AS offered, reported
FROM platte_lines
WHERE event = 'contact' AND refused IS NULL AND NOT coalesce(syncer, false) AND machine <> ''
  AND dt >= date_format(localtimestamp - INTERVAL '30' DAY, '%Y-%m-%d')
  AND try(from_iso8601_timestamp("time")) < current_timestamp + INTERVAL '10' MINUTE;

-- What a contact says of an update, each with the state that it makes. In one instant, events come after checks.
CREATE OR REPLACE VIEW steps AS
SELECT app, machine, channel, version, ts, 0 AS place, to_unixtime(ts) * 16000 AS sort_key, offered AS target,
  CASE WHEN offered <> '' THEN 'offered' WHEN reason IN ('up-to-date', 'fell-back') THEN reason ELSE 'waiting' END AS state,
  CASE WHEN reason IN ('up-to-date', 'fell-back') THEN '' ELSE reason END AS detail
FROM contacts WHERE offered <> '' OR reason <> ''
UNION ALL
SELECT c.app, c.machine, c.channel, c.version, c.ts, 1 AS place,
  to_unixtime(c.ts) * 16000 + 1 + CASE e.type WHEN 13 THEN 1 WHEN 14 THEN 2 WHEN 3 THEN 4 ELSE 3 END AS sort_key, '' AS target,
  CASE WHEN e.result = 0 AND e.error LIKE '44 %' THEN 'fell-back' WHEN e.result = 0 THEN 'failed'
    WHEN e.type = 3 AND e.result = 2 OR e.type = 54 AND e.result = 1 THEN 'rebooted' WHEN e.result = 9 THEN 'waiting'
    WHEN e.type = 13 THEN 'downloading' WHEN e.type = 14 THEN 'downloaded' ELSE 'installed' END AS state,
  CASE WHEN e.result = 0 AND e.error LIKE '44 %' THEN '' WHEN e.result IN (0, 9) THEN coalesce(e.error, 'unnamed')
    ELSE '' END AS detail
FROM contacts c CROSS JOIN UNNEST(c.reported) AS e (type, result, error, previous)
WHERE e.result IN (0, 9) OR e.result = 1 AND e.type IN (13, 14, 800, 2, 3, 54)
  OR e.type = 3 AND e.result = 2 AND e.previous <> '';

-- Where each machine is now. A failure stays until the machine tries again, or runs something else.
CREATE OR REPLACE VIEW machines AS
WITH newest AS (
  SELECT app, machine, max_by(alias, ts) AS alias, max_by(board, ts) AS board, max_by(oem, ts) AS oem,
    max_by(oem_version, ts) AS oem_version, max_by(channel, ts) AS channel, max_by(version, ts) AS version,
    min(ts) AS first_contact, max(ts) AS last_contact
  FROM contacts GROUP BY app, machine
), moves AS (
  SELECT c.app, c.machine, max_by(c.channel, c.ts) AS came_from
  FROM contacts c JOIN newest n ON c.app = n.app AND c.machine = n.machine
  WHERE c.channel <> n.channel GROUP BY c.app, c.machine
), said AS (
  SELECT app, machine, max(sort_key) FILTER (WHERE place = 0) AS asked_key, max(sort_key) FILTER (WHERE place > 0) AS told_key,
    max_by(state, sort_key) FILTER (WHERE place = 0) AS asked, max_by(detail, sort_key) FILTER (WHERE place = 0) AS asked_detail,
    max_by(state, sort_key) FILTER (WHERE place > 0) AS told, max_by(detail, sort_key) FILTER (WHERE place > 0) AS told_detail,
    max_by(version, sort_key) FILTER (WHERE place > 0) AS told_version, max_by(target, ts) FILTER (WHERE target <> '') AS target
  FROM steps GROUP BY app, machine
), stuck AS (
  SELECT n.*, m.came_from, s.asked, s.asked_detail, s.told, s.told_detail, s.target,
    coalesce(s.told IN ('failed', 'fell-back') AND s.told_version = n.version AND s.asked <> 'up-to-date', false) AS is_stuck,
    coalesce(s.told IN ('downloading', 'downloaded', 'installed') AND s.told_version <> n.version, false) AS is_done,
    coalesce(s.told_key > coalesce(s.asked_key, 0), false) AS is_told
  FROM newest n LEFT JOIN said s ON n.app = s.app AND n.machine = s.machine
  LEFT JOIN moves m ON n.app = m.app AND n.machine = m.machine
)
SELECT app, machine, alias, board, oem, oem_version, channel, version, first_contact, last_contact, coalesce(came_from, '') AS came_from,
  CASE WHEN is_stuck THEN told WHEN is_told AND is_done THEN 'rebooted' WHEN is_told THEN told ELSE coalesce(asked, 'seen') END
    AS state,
  CASE WHEN is_stuck THEN told_detail WHEN is_told AND is_done THEN '' WHEN is_told THEN told_detail
    ELSE coalesce(asked_detail, '') END AS detail,
  coalesce(target, '') AS target
FROM stuck;

-- How many machines run what, and in which state they are.
CREATE OR REPLACE VIEW tallies AS
SELECT app, channel, version, state, detail, count(*) AS machines FROM machines GROUP BY app, channel, version, state, detail;

-- How far each machine came with each release that it was offered.
CREATE OR REPLACE VIEW progress AS
WITH tries AS (
  SELECT *, last_value(nullif(target, '')) IGNORE NULLS OVER (PARTITION BY app, machine ORDER BY sort_key) AS release FROM steps
), runs AS (
  SELECT app, machine, version AS release, min(ts) AS done FROM contacts GROUP BY app, machine, version
)
SELECT t.app, t.machine, t.release AS version, min(t.ts) FILTER (WHERE t.state = 'offered') AS offered,
  min(t.ts) FILTER (WHERE t.place > 0 AND t.state IN ('downloading', 'downloaded', 'installed')) AS begun,
  min(t.ts) FILTER (WHERE t.state = 'installed') AS installed, min(r.done) AS done,
  max(t.ts) FILTER (WHERE t.state = 'failed') AS failed, max_by(t.detail, t.ts) FILTER (WHERE t.state = 'failed') AS error,
  min(t.ts) FILTER (WHERE t.place > 0 AND t.state = 'fell-back') AS fell_back
FROM tries t LEFT JOIN runs r ON t.app = r.app AND t.machine = r.machine AND t.release = r.release
WHERE t.release IS NOT NULL GROUP BY t.app, t.machine, t.release;

-- The same by release. Success is the share of those that are done, of all that are done, failed or fell back.
CREATE OR REPLACE VIEW releases AS
WITH ends AS (
  SELECT *, done IS NULL AND fell_back IS NOT NULL AS is_back,
    coalesce(done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, failed), false) AS is_failed
  FROM progress
)
SELECT app, version, count(offered) AS offered, count(coalesce(begun, installed, done)) AS begun,
  count(coalesce(installed, done)) AS installed, count(done) AS done, count_if(is_failed) AS failed,
  count_if(is_back) AS fell_back,
  CAST(count(done) AS double) / nullif(count(done) + count_if(is_failed) + count_if(is_back), 0) AS success,
  approx_percentile(to_unixtime(done) - to_unixtime(offered), 0.5) AS median_seconds
FROM ends GROUP BY app, version;

-- Machines whose last try of a release failed, by error.
CREATE OR REPLACE VIEW failures AS
SELECT app, version, error, count(*) AS machines FROM progress
WHERE done IS NULL AND fell_back IS NULL AND failed >= coalesce(installed, failed) GROUP BY app, version, error;

-- Machines without a contact for a day.
CREATE OR REPLACE VIEW silent AS
SELECT app, channel, machine, version, state, last_contact FROM machines WHERE last_contact < localtimestamp - INTERVAL '24' HOUR;
