import { expect, it } from 'vitest';
import {
  type Destination,
  heldDestination,
  publicEndpoint,
  signalUrl,
} from '../../../../src/main/core/delivery/destination.ts';

const destination = (endpoint: string): Destination => ({ ...heldDestination('x'), endpoint });

it("appends OTLP's path to the base", () => {
  expect(signalUrl(destination('https://otel.span.app:443'), 'metrics')).toBe('https://otel.span.app:443/v1/metrics');
  expect(signalUrl(destination('http://host/otlp'), 'logs')).toBe('http://host/otlp/v1/logs');
});

it('shows people an endpoint without credentials', () => {
  expect(publicEndpoint(destination('https://user:pw@host:8443/otlp?key=s3cret#x'))).toBe('https://host:8443/otlp');
  expect(publicEndpoint(destination('https://host'))).toBe('https://host');
  expect(publicEndpoint(destination(''))).toBeNull();
  expect(publicEndpoint(destination('s3cret'))).toBe('(not a URL)');
});
