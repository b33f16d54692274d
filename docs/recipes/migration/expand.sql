-- The new shape beside the old one: a price in cents beside the price in whole units. Either release finds what it knows, and what one writes the other one reads.
-- Nothing here reads or writes rows, so the lock is held for a moment.
ALTER TABLE orders ADD COLUMN price_cents bigint;

CREATE FUNCTION orders_keep_price() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
	IF TG_OP = 'INSERT' AND NEW.price_cents IS NOT NULL
			OR TG_OP = 'UPDATE' AND NEW.price_cents IS DISTINCT FROM OLD.price_cents THEN
		NEW.price := NEW.price_cents / 100.0;
	ELSE
		NEW.price_cents := NEW.price * 100;
	END IF;
	RETURN NEW;
END
$$;

CREATE TRIGGER orders_keep_price BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION orders_keep_price();
