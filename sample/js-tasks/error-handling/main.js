// Throwing is how a task says that it failed. The class says what kind of failure it was, so that
// whoever runs the task can react: sign in again, try later, or give the input back.
async function main(input) {
  if (input.amount > 10_000) {
    throw new ValidationError(`${input.amount} is more than can be booked at once`);
  }

  const account = await load(input.account);

  try {
    return { account: account.id, balance: book(account, input.amount) };
  } catch (error) {
    // `cause` keeps what happened underneath.
    throw new DataError(`the account ${account.id} cannot be used`, { cause: error });
  }
}

async function load(id) {
  let response;
  try {
    response = await fetch(`https://bank.example.com/accounts/${id}`);
  } catch (error) {
    throw new NetworkError('the bank cannot be reached', { cause: error });
  }

  switch (response.status) {
    case 200:
      return response.json();
    case 401:
      throw new AuthenticationError('the bank does not know who is asking');
    case 403:
      throw new AuthorizationError(`the account ${id} belongs to somebody else`);
    case 429:
      throw new RateLimitError('the bank asks to slow down');
    default:
      throw new HttpError(response.status, `the bank answered ${response.status}`);
  }
}

function book(account, amount) {
  if (typeof account.balance !== 'number') {
    throw new TypeError('the balance is not a number');
  }
  return account.balance + amount;
}
