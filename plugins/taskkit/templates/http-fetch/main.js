// `fetch` answers with a Response, as in a browser. A status that is no success is not an error
// by itself: the task decides what it means, and throws one of the typed errors.
async function main(input) {
  const url = `https://api.example.com/users/${encodeURIComponent(input.id)}`;
  const response = await fetch(url, { headers: { accept: 'application/json' } });

  if (response.status === 404) {
    throw new DataError(`there is no user ${input.id}`);
  }
  if (response.status === 429) {
    throw new RateLimitError('the service asks to slow down');
  }
  if (!response.ok) {
    throw new HttpError(response.status, `the service answered ${response.status}`);
  }

  const user = await response.json();
  return { id: user.id, name: user.name };
}
