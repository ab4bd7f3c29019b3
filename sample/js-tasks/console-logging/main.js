// What a task writes to the console becomes its execution's log, each line with time and level.
// The result is only what the function returns: a task can log as much as it likes without
// touching it.
function main(input, context) {
  console.debug('called as', context.executionId);
  console.info(`processing ${input.items.length} items`);

  const processed = [];
  let skipped = 0;

  for (const item of input.items) {
    if (item.quantity === 0) {
      console.warn('nothing of', item.name, 'is left, skipping it');
      skipped += 1;
      continue;
    }
    if (item.quantity < 0) {
      console.error('a quantity cannot be negative:', item);
      skipped += 1;
      continue;
    }
    processed.push({ name: item.name, worth: item.quantity * item.price });
  }

  console.log('done:', { processed: processed.length, skipped });

  return { processed, skipped };
}
