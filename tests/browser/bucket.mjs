// Creates a bucket, which the program itself does not do. The request is signed (AWS Signature Version 4).
//
//   node bucket.mjs ENDPOINT BUCKET, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
import { createHash, createHmac } from 'node:crypto';

const [endpoint, bucket] = process.argv.slice(2);
const region = 'us-east-1';
const hash = (text) => createHash('sha256').update(text).digest('hex');
const sign = (key, text) => createHmac('sha256', key).update(text).digest();

const { host } = new URL(endpoint);
const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
const headers = { host, 'x-amz-content-sha256': hash(''), 'x-amz-date': time };
const names = Object.keys(headers).join(';');
const request = ['PUT', `/${bucket}`, '', ...Object.entries(headers).map(([name, value]) => `${name}:${value}`), '', names, hash('')];
const text = ['AWS4-HMAC-SHA256', time, scope, hash(request.join('\n'))].join('\n');
const key = scope.split('/').reduce(sign, `AWS4${process.env.AWS_SECRET_ACCESS_KEY}`);
const credential = `${process.env.AWS_ACCESS_KEY_ID}/${scope}`;
const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${sign(key, text).toString('hex')}`;
const response = await fetch(`${endpoint}/${bucket}`, { method: 'PUT', headers: { ...headers, authorization } });
if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
