-- Back to the old shape. It was kept up to date by the trigger, whoever wrote: nothing is lost.
DROP TRIGGER orders_keep_price ON orders;
DROP FUNCTION orders_keep_price();
ALTER TABLE orders DROP COLUMN price_cents; -- and its constraint
