-- What the application had before.
CREATE TABLE orders (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	product text NOT NULL,
	price numeric(12, 2) NOT NULL
);
