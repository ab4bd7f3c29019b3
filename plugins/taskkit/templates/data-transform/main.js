// Sums up the amounts of paid orders for each customer, largest first.
function main(input) {
  const totals = new Map();

  for (const order of input.orders) {
    if (order.status !== 'paid') {
      continue;
    }
    totals.set(order.customer, (totals.get(order.customer) ?? 0) + order.amount);
  }

  const customers = [...totals]
    .map(([customer, total]) => ({ customer, total }))
    .sort((a, b) => b.total - a.total || a.customer.localeCompare(b.customer));

  return {
    customers,
    total: customers.reduce((sum, { total }) => sum + total, 0),
  };
}
