/** A policy that lets a pipeline of GitHub publish, and what its token says. */
export const issuer = 'https://token.actions.githubusercontent.com'
export const claims = { repository_id: '456789' }
export const policy = {
  v: 1,
  audience: 'https://updates.example.org',
  issuers: { [issuer]: { jwks: `${issuer}/.well-known/jwks`, algs: ['RS256'] } },
  rules: [{ id: 'os', issuer, allow: ['io.example.agent/stable'], actions: ['publish'], claims }],
}
