-- The old shape goes. Long after the switch, when nobody wants to go back to the old release any more.
DROP TRIGGER orders_keep_price ON orders;
DROP FUNCTION orders_keep_price();
ALTER TABLE orders ALTER COLUMN price_cents SET NOT NULL; -- known from orders_price_cents_given, so no row is read
ALTER TABLE orders DROP CONSTRAINT orders_price_cents_given;
ALTER TABLE orders DROP COLUMN price;
