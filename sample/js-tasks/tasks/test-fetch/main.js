function(input) {
  const { endpoint, include_headers } = input;
  const url = `https://httpbin.org${endpoint}`;
  
  let headers = {};
  if (include_headers) {
    headers = {
      'User-Agent': 'Ratchet-Test-Fetch/1.0',
      'X-Test-Header': 'Ratchet-Sample-Task'
    };
  }
  
  const response = fetch(url, {
    method: 'GET',
    headers: headers
  });
  
  return {
    success: true,
    status: 200,
    url: url,
    data: {
      response_body: response,
      request_info: {
        method: 'GET',
        url: url,
        headers_included: !!include_headers
      }
    }
  };
}
