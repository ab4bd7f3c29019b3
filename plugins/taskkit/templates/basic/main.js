// The function is called with the input once that satisfies input.schema.json. What it returns
// is the task's result, once that satisfies output.schema.json; what it throws is its failure.
function main(input) {
  const { name, excited } = input;
  const greeting = `Hello, ${name}${excited ? '!' : '.'}`;

  console.log('greeting', name);

  return { greeting, length: greeting.length };
}
