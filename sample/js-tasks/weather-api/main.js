// The weather of a city in two steps, both from Open-Meteo, which asks for no key: where is the
// city, and what is the weather there?
const GEOCODING = 'https://geocoding-api.open-meteo.com/v1/search';
const FORECAST = 'https://api.open-meteo.com/v1/forecast';

async function main(input) {
  const place = await locate(input.city);
  console.info(`${place.name} is at ${place.latitude}, ${place.longitude}`);

  const { current } = await getJson(FORECAST, {
    latitude: place.latitude,
    longitude: place.longitude,
    current: 'temperature_2m,wind_speed_10m',
  });

  return {
    city: place.name,
    country: place.country,
    temperature_celsius: current.temperature_2m,
    wind_kmh: current.wind_speed_10m,
    observed_at: `${current.time}Z`,
  };
}

async function locate(city) {
  const { results } = await getJson(GEOCODING, { name: city, count: 1 });
  if (!results || results.length === 0) {
    throw new DataError(`there is no city called "${city}"`);
  }
  return results[0];
}

async function getJson(address, parameters) {
  const url = `${address}?${new URLSearchParams(parameters)}`;
  const response = await fetch(url);
  if (!response.ok) {
    throw new ServiceUnavailableError(`${address} answered ${response.status}`);
  }
  return response.json();
}
