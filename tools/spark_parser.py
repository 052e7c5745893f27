"""Says which statements Spark's own parser refuses. Runs where pyspark is installed.

    python tools/spark_parser.py < statements.json > refused.json

Reads {name: SQL of Spark}, gives {name: the parser's message} of those that it refuses. Nothing is
run and no table is needed: the parser knows grammar, not functions.
"""

import json
import sys

from pyspark.errors import ParseException
from pyspark.sql import SparkSession


def main() -> None:
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    parser = session._jsparkSession.sessionState().sqlParser()
    refused = {}
    for name, statement in json.load(sys.stdin).items():
        try:
            parser.parsePlan(statement)
        except ParseException as error:
            refused[name] = str(error)
    session.stop()
    json.dump(refused, sys.stdout)


if __name__ == "__main__":
    main()
