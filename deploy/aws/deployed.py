#!/usr/bin/env python3
"""Deploys bucket.yaml and identity.yaml into LocalStack, checks the resources, and publishes an image into the bucket.

    deployed.py PROGRAM          with ENDPOINT and the credentials in the environment

LocalStack neither enforces policies nor has CloudFront and Batch: what is proven is that the templates create what they say.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import boto3
import botocore.config
import botocore.exceptions

HERE = pathlib.Path(__file__).parent
BUCKET, PREFIX = "art-tiles", "maps/"
GITHUB = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"


def client(service):
    # LocalStack sometimes refuses a connection shortly after it reports to be ready.
    settings = botocore.config.Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 8})
    return boto3.client(service, endpoint_url=os.environ["ENDPOINT"], config=settings)


def deploy(template, **parameters):
    """Creates a stack, and returns its outputs."""
    formation = client("cloudformation")
    name = template.removesuffix(".yaml")
    formation.create_stack(
        StackName=name, TemplateBody=(HERE / template).read_text(), Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()])
    try:
        formation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except botocore.exceptions.WaiterError:
        events = formation.describe_stack_events(StackName=name)["StackEvents"]
        raise SystemExit(f"{template}: {[event.get('ResourceStatusReason') for event in events]}") from None
    outputs = formation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: found {found!r}, wanted {wanted!r}")
    print(f"ok  {what}")


def statements(policy):
    return {statement.get("Sid", "only"): statement for statement in policy["Statement"]}


def check_bucket():
    s3 = client("s3")
    rules = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    expect("CORS for everyone", [(rule["AllowedOrigins"], rule["AllowedMethods"]) for rule in rules], [(["*"], ["GET", "HEAD"])])
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    expect("no public access", set(blocked.values()), {True})
    ownership = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    expect("no ACLs", ownership, [{"ObjectOwnership": "BucketOwnerEnforced"}])
    policy = statements(json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"]))
    reads = policy["CloudFrontReads"]
    expect("CloudFront reads below the prefix", (reads["Principal"], reads["Action"], reads["Resource"]), (
        {"Service": "cloudfront.amazonaws.com"}, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/{PREFIX}*"))
    expect("of this account only", reads["Condition"],
           {"ArnLike": {"AWS:SourceArn": "arn:aws:cloudfront::000000000000:distribution/*"}})
    expect("no one else may read", {name: statement["Effect"] for name, statement in policy.items()},
           {"CloudFrontReads": "Allow", "NobodyWithoutTls": "Deny"})


def check_rights(policy_arn):
    iam = client("iam")
    version = iam.get_policy(PolicyArn=policy_arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=policy_arn, VersionId=version)["PolicyVersion"]["Document"]
    rights = {name: (statement["Action"], statement["Resource"], statement.get("Condition"))
              for name, statement in statements(document).items()}
    expect("the rights of a publisher", rights, {
        "Objects": (["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], f"arn:aws:s3:::{BUCKET}/{PREFIX}*", None),
        "List": ("s3:ListBucket", f"arn:aws:s3:::{BUCKET}", {"StringLike": {"s3:prefix": f"{PREFIX}*"}})})


def check_roles(policy_arn):
    outputs = deploy("identity.yaml", PublisherPolicyArn=policy_arn, GitHubProviderArn=GITHUB, GitHubRepository="museum/masters",
                     ClusterProviderArn=f"arn:aws:iam::000000000000:oidc-provider/{ISSUER}")
    iam = client("iam")
    wanted = {
        "GitHubRoleArn": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                          "token.actions.githubusercontent.com:sub": "repo:museum/masters:ref:refs/heads/main"},
        "ClusterRoleArn": {f"{ISSUER}:aud": "sts.amazonaws.com",
                           f"{ISSUER}:sub": "system:serviceaccount:iiif-publish:iiif-publish"},
    }
    for output, condition in wanted.items():
        name = outputs[output].rsplit("/", 1)[1]
        role = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        role = json.loads(role) if isinstance(role, str) else role  # as the template wrote it
        expect(f"{output}: who may be it", [statement["Condition"]["StringEquals"] for statement in role["Statement"]], [condition])
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        expect(f"{output}: its rights", [policy["PolicyArn"] for policy in attached], [policy_arn])


def check_publishing(program):
    """Publishes into the bucket of the template, with the prefix of its policy."""
    with tempfile.TemporaryDirectory() as folder:
        image = pathlib.Path(folder) / "atlas.ppm"
        image.write_bytes(b"P6 640 400 255\n" + bytes(640 * 400 * 3))
        subprocess.run([program, "ingest", folder, "--bucket", BUCKET, "--prefix", PREFIX.rstrip("/"), "--progress", "none",
                        "--public-url", "https://cdn.example.org/maps", "--endpoint-url", os.environ["ENDPOINT"]],
                       check=True, stdout=subprocess.DEVNULL)
    keys = {entry["Key"] for entry in client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]}
    expect("an image, its manifest and the collection are there",
           {f"{PREFIX}atlas/info.json", f"{PREFIX}manifests/atlas.json", f"{PREFIX}collection.json"} - keys, set())


def main():
    outputs = deploy("bucket.yaml", BucketName=BUCKET, Prefix=PREFIX)
    expect("the bucket", outputs["BucketName"], BUCKET)
    check_bucket()
    check_rights(outputs["PublisherPolicyArn"])
    check_roles(outputs["PublisherPolicyArn"])
    check_publishing(sys.argv[1])


main()
