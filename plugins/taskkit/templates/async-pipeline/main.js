// Requests start at once and run side by side; `Promise.all` waits for all of them.
async function main(input) {
  const [user, posts] = await Promise.all([
    getJson(`https://api.example.com/users/${input.id}`),
    getJson(`https://api.example.com/users/${input.id}/posts`),
  ]);

  return { author: user.name, titles: posts.map((post) => post.title) };
}

async function getJson(url) {
  const response = await fetch(url);
  if (!response.ok) {
    throw new HttpError(response.status, `${url} answered ${response.status}`);
  }
  return response.json();
}
