'use strict';

const PRICES = { lamp: 12, rope: 3 };

exports.handler = async (event) => {
  const item = event.pathParameters.item;
  const price = PRICES[item];
  return {
    statusCode: price ? 200 : 404,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ greeting: process.env.GREETING, item, price }),
  };
};
