// The Node sample of the API's authentication guide, with its blanks filled and its mistakes kept.
//
//   node sample.mjs ORIGIN KEY SECRET CALLS
//
// The program makes CALLS authenticated requests, one after the other.

import axios from 'axios';
import FormData from 'form-data';
import jwt from 'jsonwebtoken';

const [apiRoot, apiKey, clientSecret, calls] = process.argv.slice(2);
let currentToken = null;

const refreshToken = async () => {
  const data = JSON.stringify({ apiKey, clientSecret });
  const response = await axios.request({
    method: 'post',
    url: `${apiRoot}/authenticate`,
    headers: { 'Content-Type': 'application/json' },
    data,
  });
  currentToken = response.data.token;
};

const testToken = async () => {
  try {
    const decodedToken = jwt.verify(currentToken, clientSecret);
    const { exp } = decodedToken;
    const currentTimestamp = Math.floor(Date.now() / 1000);
    return exp && exp > currentTimestamp;
  } catch (error) {
    return false;
  }
};

const makeAuthenticatedRequest = async () => {
  try {
    if (!(await testToken())) {
      await refreshToken();
    }
    const response = await axios.request({
      method: 'GET',
      url: `${apiRoot}/some-endpoint`,
      headers: {
        Authorization: `Bearer ${currentToken}`,
        'Content-Type': 'application/json',
      },
    });
    if (response) {
      void response.data;
    } else if (response.status === 401) {
      await refreshToken();
      return makeAuthenticatedRequest();
    } else {
      throw new Error('API request failed');
    }
    const newToken = response.headers.get('Authorization');
    if (newToken) {
      currentToken = newToken;
    }
  } catch (error) {
    throw 'Error making an API request: ' + error.message;
  }
};

for (let call = 0; call < Number(calls); call += 1) {
  await makeAuthenticatedRequest();
}
