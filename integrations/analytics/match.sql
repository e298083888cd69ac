-- How a day is matched and classified. Run by classify.py over the tables `ours` and `bill` (load.py); each step is
-- named by its comment. docs/books.md says the same in words, tests/domain/books_oracle.py in plain Python.
--
-- Most orders stand once on each side with the same amount: they are recognised by one grouping over the hash of
-- the order number (`hard` holds all others), and only the rest goes through the steps below.

-- step: numbers that are another number of an order of ours
CREATE TABLE loose AS
SELECT b.rowid AS rid, b.key, b.provider_no FROM bill b
SEMI JOIN (SELECT k FROM hard WHERE no_ours) h ON h.k = b.k
WHERE b.kind IN ('payment', 'refund');

CREATE TABLE mapped AS
WITH found AS (
  SELECT l.rid, o.order_no, 1 AS rank, 'provider_no' AS rule
  FROM ours o JOIN loose l ON l.provider_no = o.order_no WHERE l.provider_no <> ''
  UNION ALL
  SELECT l.rid, s.order_no, 2, 'sub_order' FROM subs s JOIN loose l ON l.key = s.sub_no WHERE l.key <> ''
)
SELECT rid, arg_min(order_no, rank) AS order_no, arg_min(rule, rank) AS rule
FROM found GROUP BY rid
HAVING count(DISTINCT order_no) FILTER (WHERE rank = 2) <= 1 OR min(rank) = 1;

INSERT INTO hard SELECT DISTINCT hash(order_no), false FROM mapped;

-- step: the rows that need a closer look
CREATE TABLE o AS SELECT ours.rowid AS rid, ours.* FROM ours SEMI JOIN hard ON hard.k = ours.k;

CREATE TABLE b AS
SELECT bill.rowid AS rid, bill.*, coalesce(m.order_no, bill.key) AS okey,
  coalesce(m.rule, CASE WHEN bill.key <> bill.order_no THEN 'id_prefix' ELSE 'id' END) AS how,
  row_number() OVER (
    PARTITION BY bill.account, bill.kind, bill.provider_no, bill.key, bill.refund_no, bill.amount, bill.at_us
    ORDER BY bill.line, bill.rowid
  ) AS copy
FROM bill SEMI JOIN hard ON hard.k = bill.k LEFT JOIN mapped m ON m.rid = bill.rowid;

-- Where each row went: `gid` names the match or difference it belongs to.
CREATE TABLE got (side VARCHAR, rid BIGINT, gid VARCHAR, category VARCHAR, rule VARCHAR);

-- step: the same line twice
INSERT INTO got
SELECT 'b', rid, 'd|' || rid, 'duplicate', 'repeated_line' FROM b
WHERE copy > 1 AND provider_no <> '' AND kind IN ('payment', 'refund');

-- step: same number, same amount
CREATE TABLE ro AS
SELECT *, row_number() OVER (PARTITION BY order_no, kind, amount ORDER BY at_us, shop, refund_no, rid) AS n
FROM o WHERE kind IN ('payment', 'refund');

CREATE TABLE rb AS
SELECT *, row_number() OVER (PARTITION BY okey, kind, amount ORDER BY at_us, account, line, rid) AS n
FROM b ANTI JOIN got ON got.side = 'b' AND got.rid = b.rid WHERE kind IN ('payment', 'refund');

CREATE TABLE pair AS
SELECT ro.rid AS orid, rb.rid AS brid, rb.okey, rb.kind, rb.amount, rb.how,
  'p|' || rb.okey || '|' || rb.kind || '|' || rb.amount || '|' || rb.n AS gid
FROM ro JOIN rb ON ro.order_no = rb.okey AND ro.kind = rb.kind AND ro.amount = rb.amount AND ro.n = rb.n
WHERE rb.okey <> '';

INSERT INTO got SELECT 'o', orid, gid, 'matched', how FROM pair;
INSERT INTO got SELECT 'b', brid, gid, 'matched', how FROM pair;

-- step: same number, sums
CREATE TABLE lo AS SELECT ro.* FROM ro ANTI JOIN pair ON pair.orid = ro.rid;
CREATE TABLE lb AS SELECT rb.* FROM rb ANTI JOIN pair ON pair.brid = rb.rid;

CREATE TABLE both_sides AS
WITH po AS (SELECT order_no AS okey, kind, sum(amount) AS amount FROM lo GROUP BY ALL),
     pb AS (SELECT okey, kind, sum(amount) AS amount, bool_and(how = 'sub_order') AS subs FROM lb GROUP BY ALL)
SELECT okey, kind, 'g|' || okey || '|' || kind AS gid,
  CASE WHEN po.amount = pb.amount THEN 'matched' ELSE 'amount' END AS category,
  CASE WHEN po.amount <> pb.amount THEN 'amounts' WHEN subs THEN 'sub_orders' ELSE 'sums' END AS rule
FROM po JOIN pb USING (okey, kind) WHERE okey <> '';

INSERT INTO got SELECT 'o', lo.rid, g.gid, g.category, g.rule
FROM lo JOIN both_sides g ON g.okey = lo.order_no AND g.kind = lo.kind;
INSERT INTO got SELECT 'b', lb.rid, g.gid, g.category, g.rule
FROM lb JOIN both_sides g ON g.okey = lb.okey AND g.kind = lb.kind;

-- step: more than once on one side
CREATE TABLE paired AS SELECT DISTINCT okey, kind, amount FROM pair;

INSERT INTO got
SELECT 'b', lb.rid, 'b|' || lb.rid,
  CASE WHEN p.amount IS NOT NULL THEN 'duplicate' WHEN lb.kind = 'payment' THEN 'amount' ELSE 'missing' END,
  CASE WHEN p.amount IS NOT NULL AND lb.kind = 'payment' THEN 'paid_twice'
       WHEN p.amount IS NOT NULL THEN 'refunded_twice'
       WHEN lb.kind = 'payment' THEN 'extra_payment' ELSE 'refund_unbooked' END
FROM lb ANTI JOIN got ON got.side = 'b' AND got.rid = lb.rid
SEMI JOIN (SELECT okey, kind FROM paired) q ON q.okey = lb.okey AND q.kind = lb.kind
LEFT JOIN paired p ON p.okey = lb.okey AND p.kind = lb.kind AND p.amount = lb.amount;

INSERT INTO got
SELECT 'o', lo.rid, 'o|' || lo.rid, 'duplicate', 'booked_twice'
FROM lo ANTI JOIN got ON got.side = 'o' AND got.rid = lo.rid
SEMI JOIN paired p ON p.okey = lo.order_no AND p.kind = lo.kind AND p.amount = lo.amount;

-- step: one payment for several orders of one buyer
CREATE TABLE fo AS SELECT lo.* FROM lo ANTI JOIN got ON got.side = 'o' AND got.rid = lo.rid;
CREATE TABLE fb AS SELECT lb.* FROM lb ANTI JOIN got ON got.side = 'b' AND got.rid = lb.rid;

CREATE TABLE basket AS
WITH breaks AS (
  SELECT rid, shop, buyer, amount, at_us,
    coalesce(at_us - lag(at_us) OVER w > getvariable('match_us'), true) AS fresh
  FROM fo WHERE kind = 'payment' AND buyer <> '' WINDOW w AS (PARTITION BY shop, buyer ORDER BY at_us, rid)
), numbered AS (
  SELECT *, sum(fresh::INT) OVER (PARTITION BY shop, buyer ORDER BY at_us, rid) AS visit FROM breaks
)
SELECT shop, buyer, visit, list(rid) AS rids, sum(amount) AS amount, min(at_us) AS first, max(at_us) AS last
FROM numbered GROUP BY shop, buyer, visit HAVING count(*) > 1;

CREATE TABLE merged AS
WITH candidate AS (
  SELECT fb.rid AS brid, basket.shop, basket.buyer, basket.visit, basket.rids
  FROM fb JOIN basket ON basket.amount = fb.amount
    AND fb.at_us BETWEEN basket.first - getvariable('match_us') AND basket.last + getvariable('match_us')
  WHERE fb.kind = 'payment'
)
SELECT brid, rids FROM candidate
QUALIFY count(*) OVER (PARTITION BY brid) = 1 AND count(*) OVER (PARTITION BY shop, buyer, visit) = 1;

INSERT INTO got SELECT 'b', brid, 'm|' || brid, 'matched', 'merged' FROM merged;
INSERT INTO got SELECT 'o', unnest(rids), 'm|' || brid, 'matched', 'merged' FROM merged;

-- step: same amount at the same time, and nothing else like it
CREATE TABLE near AS
WITH eo AS (
  SELECT rid, kind, amount, at_us, at_us // (getvariable('match_us') + 1) AS slot
  FROM fo ANTI JOIN got ON got.side = 'o' AND got.rid = fo.rid
), eb AS (
  SELECT rid, kind, amount, at_us, unnest([0, 1, -1]) + at_us // (getvariable('match_us') + 1) AS slot
  FROM fb ANTI JOIN got ON got.side = 'b' AND got.rid = fb.rid
)
SELECT eo.rid AS orid, eb.rid AS brid
FROM eo JOIN eb ON eo.kind = eb.kind AND eo.amount = eb.amount AND eo.slot = eb.slot
WHERE abs(eo.at_us - eb.at_us) <= getvariable('match_us') AND eo.amount <> 0
QUALIFY count(*) OVER (PARTITION BY eo.rid) = 1 AND count(*) OVER (PARTITION BY eb.rid) = 1;

INSERT INTO got SELECT 'o', orid, 't|' || brid, 'matched', 'amount_time' FROM near;
INSERT INTO got SELECT 'b', brid, 't|' || brid, 'matched', 'amount_time' FROM near;

-- step: on one side only
CREATE TABLE unpaid AS
SELECT DISTINCT o.order_no AS okey FROM o
SEMI JOIN (SELECT fb.okey FROM fb ANTI JOIN got ON got.side = 'b' AND got.rid = fb.rid WHERE fb.kind = 'payment') x
  ON x.okey = o.order_no
WHERE o.kind = 'claim';

INSERT INTO got
SELECT 'o', o.rid, CASE WHEN u.okey IS NULL THEN 'o|' || o.rid ELSE 'u|' || o.order_no END, 'missing',
  CASE WHEN u.okey IS NULL THEN 'shipped_unpaid' ELSE 'order_unpaid' END
FROM o LEFT JOIN unpaid u ON u.okey = o.order_no WHERE o.kind = 'claim';

INSERT INTO got
WITH open_rows AS (
  SELECT o.*, coalesce(s.account, getvariable('any_account')) AS account,
    CASE WHEN coalesce(s.account, getvariable('any_account')) = '' THEN (SELECT count(*) > 0 FROM absent)
         ELSE coalesce(s.account, getvariable('any_account')) IN (SELECT account FROM absent) END AS no_bill,
    o.at_us < getvariable('start_us') + getvariable('cross_us')
      OR o.at_us >= getvariable('end_us') - getvariable('cross_us') AS near_midnight
  FROM o ANTI JOIN got ON got.side = 'o' AND got.rid = o.rid LEFT JOIN shop_account s ON s.shop = o.shop
)
SELECT 'o', rid, CASE WHEN no_bill THEN 'x|' || account ELSE 'o|' || rid END,
  CASE WHEN no_bill OR flag = 'waiting' THEN 'unsettled' WHEN near_midnight THEN 'cross_period'
       WHEN kind = 'refund' THEN 'returned_not_reversed' ELSE 'missing' END,
  CASE WHEN no_bill THEN 'bill_missing' WHEN flag = 'waiting' THEN 'not_completed'
       WHEN near_midnight THEN 'near_midnight'
       WHEN kind = 'refund' THEN 'refund_not_in_bill' ELSE 'not_in_bill' END
FROM open_rows;

INSERT INTO got
SELECT 'b', b.rid, CASE WHEN u.okey IS NULL OR kind <> 'payment' THEN 'b|' || rid ELSE 'u|' || b.okey END,
  CASE WHEN kind = 'fee' THEN 'fee' WHEN kind NOT IN ('payment', 'refund') OR b.okey = '' THEN 'unknown'
       ELSE 'missing' END,
  CASE WHEN kind = 'fee' THEN 'fee_row' WHEN kind NOT IN ('payment', 'refund') THEN 'other_row'
       WHEN b.okey = '' THEN 'no_order_no' WHEN kind = 'refund' THEN 'refund_unbooked'
       WHEN u.okey IS NOT NULL THEN 'order_unpaid' ELSE 'not_in_orders' END
FROM b ANTI JOIN got ON got.side = 'b' AND got.rid = b.rid LEFT JOIN unpaid u ON u.okey = b.okey;

-- step: matched, and still not right
CREATE TABLE returned AS
SELECT order_no AS okey FROM o WHERE kind = 'refund' UNION SELECT okey FROM b WHERE kind = 'refund';

CREATE TABLE amiss AS
SELECT got.gid, 1 AS rank, 'returned_not_reversed' AS category, 'cancelled_not_refunded' AS rule
FROM got JOIN o ON got.side = 'o' AND got.rid = o.rid
WHERE got.category = 'matched' AND o.kind = 'payment' AND o.flag = 'dead' AND o.amount > 0
  AND o.order_no NOT IN (SELECT okey FROM returned)
UNION ALL
SELECT got.gid, 2, 'fee', 'fee_rate' FROM got JOIN b ON got.side = 'b' AND got.rid = b.rid
WHERE got.category = 'matched' AND b.fee_off;

CREATE TABLE placed AS
SELECT got.side, got.rid, got.gid, coalesce(a.category, got.category) AS category, coalesce(a.rule, got.rule) AS rule
FROM got LEFT JOIN (
  SELECT gid, arg_min(category, rank) AS category, arg_min(rule, rank) AS rule FROM amiss GROUP BY gid
) a ON a.gid = got.gid;

-- step: matches and differences
CREATE TABLE parts AS
SELECT p.gid, p.category, p.rule, o.kind, '' AS account, coalesce(s.account, getvariable('any_account')) AS shop_account, o.shop, o.order_no,
  o.refund_no, '' AS provider_no, o.amount AS ours, 0 AS theirs, o.total, 0 AS fee, 0 AS fee_due, o.at_us,
  1 AS ours_rows, 0 AS bill_rows, 0 AS line
FROM placed p JOIN o ON p.side = 'o' AND p.rid = o.rid LEFT JOIN shop_account s ON s.shop = o.shop
UNION ALL
SELECT p.gid, p.category, p.rule, b.kind, b.account, '', '', b.okey, b.refund_no, b.provider_no, 0, b.amount, 0,
  b.fee, coalesce(b.fee_due, b.fee), b.at_us, 0, 1, b.line
FROM placed p JOIN b ON p.side = 'b' AND p.rid = b.rid;

CREATE TABLE units AS
WITH summed AS (
  SELECT gid, min(category) AS category, min(rule) AS rule,
    coalesce(min(kind) FILTER (WHERE ours_rows = 1 AND kind <> 'claim'), min(kind) FILTER (WHERE bill_rows = 1),
      min(kind)) AS kind,
    coalesce(min(account) FILTER (WHERE bill_rows = 1), min(shop_account)) AS account,
    coalesce(min(shop) FILTER (WHERE ours_rows = 1), '') AS shop,
    coalesce(min(order_no) FILTER (WHERE ours_rows = 1), min(order_no)) AS order_no,
    coalesce(min(nullif(refund_no, '')) FILTER (WHERE ours_rows = 1), min(nullif(refund_no, '')), '') AS refund_no,
    coalesce(min(provider_no) FILTER (WHERE bill_rows = 1), '') AS provider_no,
    sum(ours)::BIGINT AS ours, sum(theirs)::BIGINT AS theirs, sum(total)::BIGINT AS total,
    sum(fee)::BIGINT AS fee, sum(fee_due)::BIGINT AS fee_due, min(at_us) AS at_us,
    sum(ours_rows)::BIGINT AS ours_rows, sum(bill_rows)::BIGINT AS bill_rows,
    coalesce(min(line) FILTER (WHERE bill_rows = 1), 0) AS line
  FROM parts GROUP BY gid
), weighed AS (
  SELECT *, CASE
      WHEN category = 'matched' THEN 0
      WHEN rule = 'fee_rate' THEN abs(fee - fee_due)
      WHEN rule = 'cancelled_not_refunded' THEN abs(theirs)
      WHEN rule = 'shipped_unpaid' THEN abs(total)
      ELSE abs(ours - theirs) END AS stake
  FROM summed
)
SELECT w.* REPLACE (
    CASE WHEN stake <= coalesce(t.fen, 0) THEN 'matched' ELSE w.category END AS category,
    CASE WHEN stake <= coalesce(t.fen, 0) AND w.category <> 'matched' THEN 'tolerance' ELSE w.rule END AS rule
  )
FROM weighed w LEFT JOIN tolerance t ON t.category = w.category;

-- step: names that stay the same when the day is compared again
CREATE TABLE differences AS
WITH named AS (
  SELECT *, CASE
      WHEN rule = 'bill_missing' THEN 'x|' || account
      WHEN ours_rows > 0 THEN 'o|' || kind || '|' || shop || '|' || order_no || '|' || refund_no
      ELSE 'b|' || account || '|' || kind || '|' || provider_no || '|' || order_no || '|' || refund_no END AS name
  FROM units WHERE category <> 'matched'
)
SELECT name || '|' || row_number() OVER (PARTITION BY name ORDER BY at_us, line, ours, theirs, gid) AS key,
  * EXCLUDE (name, gid, total) REPLACE (
    CASE WHEN rule = 'bill_missing' THEN '' ELSE order_no END AS order_no,
    CASE WHEN rule = 'bill_missing' THEN '' ELSE refund_no END AS refund_no,
    CASE WHEN rule = 'bill_missing' THEN '' ELSE shop END AS shop
  )
FROM named;
