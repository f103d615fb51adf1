// The AWS SDK for JavaScript, as an agent would use it.
"use strict";

const { Readable } = require("stream");

const ec2 = require("@aws-sdk/client-ec2");

const { answer, digest, failure, serve } = require("./session.js");

const client = new ec2.EC2Client({});
const last = {};

// The library gives the content read only; this remembers what came off the wire.
const remember = (next) => async (request) => {
  const result = await next(request);
  const pieces = [];
  for await (const piece of result.response.body) pieces.push(piece);
  const content = Buffer.concat(pieces);
  Object.assign(last, { sha256: digest(content), status: result.response.statusCode, headers: result.response.headers });
  result.response.body = Readable.from([content]);
  return result;
};
client.middlewareStack.addRelativeTo(remember, { relation: "after", toMiddleware: "deserializerMiddleware" });

async function call(command) {
  try {
    return answer(true, { value: await client.send(command), ...last });
  } catch (problem) {
    if (!(problem instanceof ec2.EC2ServiceException)) throw problem;
    const { name: code, message } = problem;
    return failure(problem, { code, http_status: last.status, message, headers: last.headers });
  }
}

serve({
  describe_instances: () => call(new ec2.DescribeInstancesCommand({})),
  run_instances: (count) =>
    call(new ec2.RunInstancesCommand({ ImageId: "ami-1", MinCount: Number(count), MaxCount: Number(count) })),
  open_to_all: (GroupId) => {
    const everywhere = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    return call(new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [everywhere] }));
  },
});
