-- What PostgREST needs to respond as the service does.
CREATE SCHEMA peer;

-- Citations name their record by kind and id, without a foreign key. PostgREST embeds what such a function returns, if it is in the
-- schema of its table.
CREATE FUNCTION public.citations(public.milestones) RETURNS SETOF public.citations LANGUAGE sql STABLE AS $$
    SELECT * FROM public.citations WHERE entity = 'milestone' AND record_id = $1.id ORDER BY position
$$;

-- The scorecard of a programme by pairing, with a row for all: the figures of milestones. Those of commitments, resolutions,
-- exchanges and money, which the service computes besides, are left out.
CREATE FUNCTION peer.scorecard(programme text, as_of date) RETURNS TABLE (
    id bigint, code text, name_zh text, name_en text, progress numeric, counted bigint, left_out bigint, scheduled bigint,
    in_progress bigint, met bigint, partially_met bigint, not_met bigint, cancelled bigint, overdue bigint,
    days_late integer, baseline_due bigint, on_time bigint, on_time_rate numeric
) LANGUAGE sql STABLE AS $$
    WITH sums AS (
        SELECT
            m.pairing_id,
            sum(m.weight_thousandths) FILTER (WHERE m.status <> 'cancelled') AS weight,
            sum(m.weight_thousandths * m.progress) FILTER (WHERE m.status <> 'cancelled') AS done,
            count(*) FILTER (WHERE m.status = 'scheduled') AS scheduled,
            count(*) FILTER (WHERE m.status = 'in_progress') AS in_progress,
            count(*) FILTER (WHERE m.status = 'met') AS met,
            count(*) FILTER (WHERE m.status = 'partially_met') AS partially_met,
            count(*) FILTER (WHERE m.status = 'not_met') AS not_met,
            count(*) FILTER (WHERE m.status = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE m.is_open AND m.due_on < $2) AS overdue,
            min(m.due_on) FILTER (WHERE m.is_open AND m.due_on < $2) AS oldest,
            count(*) FILTER (WHERE m.status <> 'cancelled' AND m.baseline_due_on < $2) AS baseline_due,
            count(*) FILTER (WHERE m.status = 'met' AND m.met_on <= m.baseline_due_on AND m.baseline_due_on < $2) AS on_time
        FROM public.milestones AS m
        GROUP BY m.pairing_id
    )
    SELECT
        p.id, p.code, p.name_zh, p.name_en,
        round(sum(s.done) / nullif(sum(s.weight), 0), 2),
        sum(s.scheduled + s.in_progress + s.met + s.partially_met + s.not_met)::bigint,
        sum(s.cancelled)::bigint, sum(s.scheduled)::bigint, sum(s.in_progress)::bigint, sum(s.met)::bigint,
        sum(s.partially_met)::bigint, sum(s.not_met)::bigint, sum(s.cancelled)::bigint, sum(s.overdue)::bigint,
        coalesce($2 - min(s.oldest), 0), sum(s.baseline_due)::bigint, sum(s.on_time)::bigint,
        round(100 * sum(s.on_time) / nullif(sum(s.baseline_due), 0), 2)
    FROM public.programmes AS g
    JOIN public.pairings AS p ON p.programme_id = g.id
    LEFT JOIN sums AS s ON s.pairing_id = p.id
    WHERE g.code = $1
    GROUP BY GROUPING SETS ((p.id, p.code, p.name_zh, p.name_en), ())
    ORDER BY p.id
$$;
