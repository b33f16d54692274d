-- Rows from before the trigger get their cents, a thousand at a time, each time in a transaction of its own: nobody waits for long.
DO $$
DECLARE
	low bigint := 0;
	high bigint := (SELECT coalesce(max(id), 0) FROM orders);
BEGIN
	WHILE low < high LOOP
		UPDATE orders SET price_cents = price * 100 WHERE id > low AND id <= low + 1000 AND price_cents IS NULL;
		COMMIT;
		low := low + 1000;
	END LOOP;
END
$$;
-- From here on every row has them. VALIDATE reads the table without keeping anybody from writing.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'orders'::regclass AND conname = 'orders_price_cents_given') THEN
		ALTER TABLE orders ADD CONSTRAINT orders_price_cents_given CHECK (price_cents IS NOT NULL) NOT VALID;
	END IF;
END
$$;
ALTER TABLE orders VALIDATE CONSTRAINT orders_price_cents_given;
