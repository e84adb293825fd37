/** Texts of every form that the contract's rules ask for. */

const hash = (digit: string): string => digit.repeat(64);

/** By what they are for. */
export const texts: {
  /** Where anything may stand; not only ASCII. */
  readonly free: readonly string[];
  /** For patterns: the first that fits is taken. */
  readonly special: readonly string[];
  /** By the name of protovalidate's format. */
  readonly byFormat: Readonly<Record<string, readonly string[]>>;
  /** By the id of a rule of the contract that is an expression. */
  readonly byRule: Readonly<Record<string, readonly string[]>>;
} = {
  byRule: {
    'cidr.ipv4': ['10.99.1.0/24', '10.99.2.0/24'],
    'cidr.ipv6': ['fd00:99:1::/64', 'fd00:99:2::/64'],
    'cidr.any': ['10.99.1.0/24', '10.99.2.0/24'],
  },
  free: ['Grüße ☃ 例', 'second "quoted" %{if} text', 'alpha', 'beta'],
  special: [
    'alpha',
    'beta',
    'web-1',
    'web-2',
    '10.99.0.5',
    '10.99.0.6',
    '10.99.1.0/24',
    '10.99.2.0/24',
    'fd00:99::5',
    'fd00:99::6',
    'fd00:99:1::/64',
    'fd00:99:2::/64',
    '52:54:00:00:00:01',
    '52:54:00:00:00:02',
    'example.org',
    'www.example.org',
    'https://example.org/a',
    'https://example.org/b',
    '/var/lib/a',
    '/var/lib/b',
    '0000:01:00.0',
    '0000:02:00.0',
    '64512:100',
    '64512:200',
    '0 3 * * *',
    '30 4 * * *',
    '03:00',
    '04:30',
    '2G',
    '046d',
    'c52b',
    'iqn.2026-01.org.example:a',
    'iqn.2026-01.org.example:b',
    'pc-q35-7.2',
    'pc-q35-7.1',
    'VK7JG-NPHTM-C97JM-9MPGT-3V66T',
    'NPPR9-FWDCX-D2C8J-H872K-2YT43',
    '0',
    '1',
    'images.example.org/a:1',
    'images.example.org/b:1',
    `${'A'.repeat(43)}=`,
    `${'B'.repeat(43)}=`,
    'lqxlqxlqxlqx12',
    'lqxlqxlqxlqx13',
    'vm.get',
    'vm.*',
    'aa',
    'bb',
    'AA',
    'BB',
    '1.5',
    '2.5',
    hash('a'),
    hash('b'),
    '0123456789abcdef0123456789abcdef',
    'fedcba9876543210fedcba9876543210',
  ],
  byFormat: {
    uuid: ['0198c6a4-5b1e-7c3a-9d42-000000000001', '0198c6a4-5b1e-7c3a-9d42-000000000002'],
    ipv4: ['10.99.0.5', '10.99.0.6'],
    ipv6: ['fd00:99::5', 'fd00:99::6'],
    ip: ['10.99.0.5', 'fd00:99::6'],
    ipPrefix: ['10.99.1.0/24', '10.99.2.0/24'],
    ipv4Prefix: ['10.99.1.0/24', '10.99.2.0/24'],
    ipv6Prefix: ['fd00:99:1::/64', 'fd00:99:2::/64'],
    ipWithPrefixlen: ['10.99.1.1/24', '10.99.2.1/24'],
    ipv4WithPrefixlen: ['10.99.1.1/24', '10.99.2.1/24'],
    hostname: ['example.org', 'www.example.org'],
    address: ['example.org', '10.99.0.5'],
    hostAndPort: ['example.org:443', '10.99.0.5:80'],
    uri: ['https://example.org/a', 'https://example.org/b'],
    uriRef: ['/a', '/b'],
    email: ['a@example.org', 'b@example.org'],
  },
};
