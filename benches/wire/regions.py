"""The eleven regions of the wire bench, their addresses, and the distance to them."""

import collections
import json
import math
import os

import mmdb

REGIONS = {
    "us-east": (39.04, -77.49),
    "us-west": (37.34, -121.89),
    "us-central": (41.26, -95.86),
    "sa-east": (-23.55, -46.63),
    "eu-west": (53.34, -6.27),
    "eu-central": (50.11, 8.68),
    "eu-north": (59.33, 18.07),
    "me-central": (24.45, 54.38),
    "ap-south": (19.08, 72.88),
    "ap-southeast": (1.35, 103.82),
    "ap-northeast": (35.68, 139.69),
}
ADDRESS = {name: f"192.0.2.{10 + place}" for place, name in enumerate(REGIONS)}
ADDRESS6 = {name: f"2001:db8:{10 + place}::10" for place, name in enumerate(REGIONS)}
REGION_OF = {address: name for table in (ADDRESS, ADDRESS6) for name, address in table.items()}

# Networks looked at to place the countries.
COUNTRY_SAMPLE = 300_000


def by_distance(latitude, longitude):
    """(kilometres, region) of all regions, nearest first, by great circle."""
    here = _vector(latitude, longitude)
    distances = []
    for name, place in REGIONS.items():
        # The chord gives small distances without the rounding that the cosine has there.
        chord = math.dist(here, _vector(*place))
        distances.append((2 * 6371.0 * math.asin(min(1.0, chord / 2)), name))
    return sorted(distances)


def region_by_country(cache, database_path):
    """ISO country code → the region nearest to the mean of the country's networks, for Knot."""
    path = os.path.join(cache, f"countries-{os.path.getsize(database_path)}.json")
    if os.path.exists(path):
        with open(path) as file:
            return json.load(file)
    database = mmdb.Database(database_path)
    records, sums = {}, collections.defaultdict(lambda: [0.0, 0.0, 0.0])
    v4, _ = database.sample(COUNTRY_SAMPLE, 0, seed=1)
    for _, _, value in v4:
        if value not in records:
            records[value] = database.record(value)
        country = records[value].get("country", {}).get("iso_code")
        place = records[value].get("location", {})
        if country and "latitude" in place:
            vector = _vector(place["latitude"], place["longitude"])
            sums[country] = [total + part for total, part in zip(sums[country], vector)]
    table = {}
    for country, (x, y, z) in sorted(sums.items()):
        latitude = math.degrees(math.atan2(z, math.hypot(x, y)))
        table[country] = by_distance(latitude, math.degrees(math.atan2(y, x)))[0][1]
    with open(path, "w") as file:
        json.dump(table, file)
    return table


def _vector(latitude, longitude):
    latitude, longitude = math.radians(latitude), math.radians(longitude)
    flat = math.cos(latitude)
    return flat * math.cos(longitude), flat * math.sin(longitude), math.sin(latitude)
