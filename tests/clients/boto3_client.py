"""boto3 as an agent would use it: region, keys, proxy and AWS_CA_BUNDLE from the environment."""

import json
import os
import ssl
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from session import answer, failure, serve

clients = {}
last = {}


def remember(response_dict, **_):
    """The answer's content as it came off the wire, before botocore reads it."""
    last["content"] = response_dict.get("body")
    last["headers"] = dict(response_dict.get("headers") or {})


def client(service):
    if service not in clients:
        clients[service] = boto3.client(service)
        clients[service].meta.events.register("before-parse", remember)
    return clients[service]


def call(service, method, **kwargs):
    last.clear()
    try:
        result = getattr(client(service), method)(**kwargs)
    except ClientError as problem:
        error = problem.response["Error"]
        return failure(
            problem,
            code=error.get("Code"),
            http_status=problem.response["ResponseMetadata"]["HTTPStatusCode"],
            message=error.get("Message"),
            headers=last.get("headers"),
        )
    status = result.pop("ResponseMetadata")["HTTPStatusCode"]
    return answer(True, status=status, content=last.get("content"), value=result, headers=last.get("headers"))


def run_instances(count, *token):
    # Without a token of its own boto3 puts a fresh ClientToken into every call.
    more = {"ClientToken": token[0]} if token else {}
    return call(
        "ec2",
        "run_instances",
        ImageId="ami-12c6146b",
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=int(count),
        **more,
    )


def run_instances_uncounted():
    """What the API would refuse for want of a count, boto3 refuses to send unless told not to look."""
    clients["ec2"] = boto3.client("ec2", config=Config(parameter_validation=False))
    return call("ec2", "run_instances", ImageId="ami-12c6146b", InstanceType="t3.micro")


def send_raw_email():
    """Who gets it stands in the mail alone, and mailers differ in whether Resent-To counts."""
    mail = b"From: bot@example.com\r\nTo: a@example.com\r\nResent-To: b@example.com\r\nSubject: Hello\r\n\r\nHello!\r\n"
    return call("sesv2", "send_email", Content={"Raw": {"Data": mail}})


def batch_delete(table, *ids):
    deletions = [{"DeleteRequest": {"Key": {"id": {"S": id}}}} for id in ids]
    return call("dynamodb", "batch_write_item", RequestItems={table: deletions})


def put_object(bucket, key, megabytes):
    """Content that no retry and no checksum has to be thought of for: zeros."""
    return call("s3", "put_object", Bucket=bucket, Key=key, Body=bytes(int(megabytes) << 20))


def delete_objects(bucket, *keys):
    return call("s3", "delete_objects", Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})


def put_bucket_policy(bucket):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return call("s3", "put_bucket_policy", Bucket=bucket, Policy=policy)


def get_presigned(bucket, key):
    url = client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])) as response:
        return answer(True, status=response.status, content=response.read())


serve(
    {
        "create_bucket": lambda bucket: call("s3", "create_bucket", Bucket=bucket),
        "list_buckets": lambda: call("s3", "list_buckets"),
        "list_objects": lambda bucket: call("s3", "list_objects_v2", Bucket=bucket),
        "put_object": put_object,
        "delete_objects": delete_objects,
        "put_bucket_policy": put_bucket_policy,
        "get_bucket_policy": lambda bucket: call("s3", "get_bucket_policy", Bucket=bucket),
        "get_presigned": get_presigned,
        "list_functions": lambda: call("lambda", "list_functions"),
        "delete_function": lambda name: call("lambda", "delete_function", FunctionName=name),
        "describe_instances": lambda: call("ec2", "describe_instances"),
        "run_instances": run_instances,
        "run_instances_uncounted": run_instances_uncounted,
        "send_raw_email": send_raw_email,
        "terminate_instances": lambda *ids: call("ec2", "terminate_instances", InstanceIds=list(ids)),
        "batch_delete": batch_delete,
        "get_item": lambda table, id: call("dynamodb", "get_item", TableName=table, Key={"id": {"S": id}}),
        "put_item": lambda table, id: call("dynamodb", "put_item", TableName=table, Item={"id": {"S": id}}),
    }
)
