-- "Debit + usage event + message" for PostgreSQL: the same columns as Benchmarks/commit/loop.c and
-- the bench's own schema in the cell.
CREATE TABLE wallet (
  tenant integer PRIMARY KEY,
  balance_micros bigint NOT NULL CHECK (balance_micros >= 0)
) WITH (fillfactor = 50);
CREATE TABLE usage_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant integer NOT NULL,
  at bigint NOT NULL,
  kind smallint NOT NULL,
  price_id bigint NOT NULL,
  amount_micros bigint NOT NULL
);
CREATE TABLE messages (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant integer NOT NULL,
  at bigint NOT NULL,
  recipient text NOT NULL,
  state smallint NOT NULL,
  body text NOT NULL
);
INSERT INTO wallet SELECT n, 1000000000000000 FROM generate_series(1, 100) AS n;
