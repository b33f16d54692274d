#!/usr/bin/python3
"""The application of the recipe, in both releases: orders in a table of PostgreSQL. Release 1 knows the column price, release 2 knows price_cents; to clients they are alike.

usage: shop_orders.py --release 1|2 --listen ADDRESS:PORT CONNECTION     (port 0: any; the port is printed)

POST /orders {"product", "price"} -> {"id"}; GET /orders/ID -> {"product", "price"}; PUT /orders/ID {"price"}; GET /health.
The health check asks nothing of the table: it must be good before the migration, or the switch that brings the migration would never begin.
"""
import argparse
import decimal
import http.server
import json
import threading

import psycopg2

PRICE = {"1": "price", "2": "price_cents"}
mine = threading.local()


def to_column(release, price):
    value = decimal.Decimal(price)
    return value if release == "1" else int(value * 100)


def from_column(release, value):
    return f"{value:.2f}" if release == "1" else f"{value // 100}.{value % 100:02}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def ask(self, statement, values):
        """The first row, or None. One connection to the database for each connection of a client."""
        if not hasattr(mine, "database"):
            mine.database = psycopg2.connect(self.server.database)
            mine.database.autocommit = True
        with mine.database.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone()

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", self.server.release)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def guard(self, act):
        try:
            found = act()
            self.answer(200 if found else 404, found or {"error": "there is no such order"})
        except psycopg2.Error as error:
            self.answer(500, {"error": str(error).splitlines()[0]})

    def number(self):
        return int(self.path.rsplit("/", 1)[1])

    def do_GET(self):
        self.guard(self.health if self.path == "/health" else self.read)

    def do_POST(self):
        self.guard(self.write)

    def do_PUT(self):
        self.guard(self.change)

    def health(self):
        return {"ok": self.ask("SELECT 1", ()) == (1,)}

    def read(self):
        row = self.ask(f"SELECT product, {PRICE[self.server.release]} FROM orders WHERE id = %s", (self.number(),))
        return row and {"product": row[0], "price": from_column(self.server.release, row[1])}

    def write(self):
        order, release = self.body(), self.server.release
        return {"id": self.ask(f"INSERT INTO orders (product, {PRICE[release]}) VALUES (%s, %s) RETURNING id", (order["product"], to_column(release, order["price"])))[0]}

    def change(self):
        release = self.server.release
        row = self.ask(f"UPDATE orders SET {PRICE[release]} = %s WHERE id = %s RETURNING id", (to_column(release, self.body()["price"]), self.number()))
        return row and {"id": row[0]}

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--release", choices=sorted(PRICE), required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("connection")
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    server.release, server.database = arguments.release, arguments.connection
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
