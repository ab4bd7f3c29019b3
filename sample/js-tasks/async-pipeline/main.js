// A request starts when `fetch` is called, not when it is awaited: two of them side by side take
// as long as the slower one.
const API = 'https://jsonplaceholder.typicode.com';

async function main(input) {
  const user = await getJson(`/users/${input.user_id}`);

  const [posts, todos] = await Promise.all([
    getJson(`/posts?userId=${user.id}`),
    getJson(`/todos?userId=${user.id}`),
  ]);

  return {
    name: user.name,
    posts: posts.length,
    todos_open: todos.filter((todo) => !todo.completed).length,
    longest_title: posts.map((post) => post.title).reduce(longer, ''),
  };
}

async function getJson(path) {
  const response = await fetch(API + path);
  if (!response.ok) {
    throw new HttpError(response.status, `${path} answered ${response.status}`);
  }
  return response.json();
}

const longer = (one, other) => (other.length > one.length ? other : one);
