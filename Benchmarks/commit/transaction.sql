\set tenant random(1, 100)
BEGIN;
UPDATE wallet SET balance_micros = balance_micros - 50000 WHERE tenant = :tenant AND balance_micros >= 50000;
INSERT INTO usage_events (tenant, at, kind, price_id, amount_micros) VALUES (:tenant, 1795435200000, 1, 7, 50000);
INSERT INTO messages (tenant, at, recipient, state, body) VALUES (:tenant, 1795435200000, '+4915112345678', 1, '{"template":"order_ok","parameters":["0123456789012345678901234567890123456789012345678901234567890123456789"]}');
COMMIT;
