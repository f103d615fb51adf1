// Octokit, as an agent would use it.
"use strict";

const { Octokit, RequestError } = require("octokit");

const { answer, failure, last, remember, serve } = require("./session.js");

const octokit = new Octokit({ auth: "ghp_not-a-secret", request: { fetch: remember } });

async function call(route, repository, parameters) {
  const [owner, repo] = repository.split("/");
  try {
    const { data } = await octokit.request(route, { owner, repo, ...parameters });
    return answer(true, { value: data, ...last });
  } catch (problem) {
    if (!(problem instanceof RequestError)) throw problem;
    const { status: http_status, message } = problem;
    return failure(problem, { http_status, message, headers: last.headers });
  }
}

serve({
  repository: (name) => call("GET /repos/{owner}/{repo}", name),
  invite: (name, username) => call("PUT /repos/{owner}/{repo}/collaborators/{username}", name, { username }),
  delete_branch: (name, branch) => call("DELETE /repos/{owner}/{repo}/git/refs/{+ref}", name, { ref: `heads/${branch}` }),
});
