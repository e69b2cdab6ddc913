#!/usr/bin/env python3
"""Checks that eight tasks publish the same as one run: every object, and every image only once.

    outcome.py create|compare --endpoint URL --bucket NAME --reports FOLDER --images N --stopped TASK TASK
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib

import boto3
import botocore.config

SEVERAL, ONE = "slurm", "alone"  # prefixes


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["create", "compare"])
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--reports", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--stopped", type=int, nargs="+", required=True)
    return parser.parse_args()


def objects(s3, bucket, prefix):
    """Returns the objects under a prefix: the body of each key, and the headers that viewers see."""
    def get(key):
        found = s3.get_object(Bucket=bucket, Key=key)
        headers = [found.get(name) for name in ("ContentType", "CacheControl")]
        return key.removeprefix(f"{prefix}/"), (found["Body"].read(), *headers)

    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        return dict(threads.map(get, keys))


def expect_same_objects(several, one):
    """Byte for byte."""
    missing, surplus = one.keys() - several.keys(), several.keys() - one.keys()
    different = [key for key in one.keys() & several.keys() if one[key] != several[key]]
    if missing or surplus or different:
        raise SystemExit(f"missing: {sorted(missing)[:5]}; surplus: {sorted(surplus)[:5]}; different: {sorted(different)[:5]}")
    if "collection.json" not in one or len(one) < 1000:
        raise SystemExit(f"a single run has published {len(one)} objects only")


def expect_published_once(reports, images, stopped):
    """By the reports; but what a killed task had in its hands may be published by it, or by its second start."""
    published, planned, unsure = collections.Counter(), set(), set()
    for path in sorted(reports.glob("part-*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        done = [line["id"] for line in lines if line["status"] == "published"]
        mine = {line["id"] for line in lines if line["status"] == "planned"}
        published.update(done)
        planned |= mine
        if path.name in {f"part-{task}-start-0.jsonl" for task in stopped}:
            if not done or set(done) == mine:
                raise SystemExit(f"{path.name}: {len(done)} of {len(mine)} were published, so it was not stopped in the middle")
            unsure |= mine - set(done)
    if len(planned) != images:
        raise SystemExit(f"{len(planned)} images were planned, not {images}")
    twice = [image for image in planned if published[image] > 1]
    never = [image for image in planned - unsure if published[image] == 0]
    if twice or never:
        raise SystemExit(f"published twice: {sorted(twice)[:5]}; never: {sorted(never)[:5]}")
    print(f"{sum(published.values())} images were published once; {len(unsure)} by a second start")


def main():
    arguments = parsed()
    config = botocore.config.Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    s3 = boto3.client("s3", endpoint_url=arguments.endpoint, config=config)
    if arguments.what == "create":
        s3.create_bucket(Bucket=arguments.bucket)
        return
    several, one = (objects(s3, arguments.bucket, prefix) for prefix in (SEVERAL, ONE))
    expect_same_objects(several, one)
    print(f"{len(several)} objects of eight tasks are those of one run, byte for byte")
    expect_published_once(arguments.reports, arguments.images, arguments.stopped)


main()
