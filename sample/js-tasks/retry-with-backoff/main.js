// Asks again when asking again can help: after a failed connection, a 429 or a 5xx. Each pause is
// twice as long as the one before.
async function main(input) {
  const { url, max_attempts = 4, first_pause_ms = 100 } = input;

  for (let attempt = 1; ; attempt += 1) {
    const { response, problem } = await ask(url);
    if (response) {
      return { attempts: attempt, data: await response.json() };
    }
    if (attempt === max_attempts) {
      throw new ServiceUnavailableError(`gave up after ${attempt} attempts: ${problem}`);
    }
    const pause = first_pause_ms * 2 ** (attempt - 1);
    console.warn(`attempt ${attempt} failed (${problem}), next one in ${pause} ms`);
    await sleep(pause);
  }
}

// Either a response, or why another attempt is worth it. Anything hopeless is thrown.
async function ask(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    return { problem: error.message };
  }
  if (response.ok) {
    return { response };
  }
  if (response.status === 429 || response.status >= 500) {
    return { problem: `status ${response.status}` };
  }
  throw new HttpError(response.status, `${url} answered ${response.status}`);
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
