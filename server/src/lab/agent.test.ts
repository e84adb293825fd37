import { execFileSync } from 'node:child_process';
import { agentScript, fillIn } from './agent.js';
import { layOutLab } from './layout.js';
import { agentFacts, type NodeDaemon, nodeFiles } from './node-files.js';

const layout = layOutLab({ name: 'lqx', dir: '/tmp/lab', nodes: 2 });
const [node] = layout.nodes;
if (node === undefined) throw new Error('no node');
const facts = agentFacts(layout, node);

describe('fillIn', () => {
  it('replaces every fact in a word', () => {
    const word = '{node} at {encapIp}, {agentJson}';
    expect(fillIn(word, facts, '/x.json')).toBe(`node-1 at ${node.underlayAddress}, /x.json`);
  });

  it('names the facts when one is unknown', () => {
    expect(() => fillIn('{host}', facts, '')).toThrow(/unknown \{host\}.*endpoint/);
  });
});

describe('agentScript', () => {
  const script = (restart: boolean) =>
    agentScript(node, facts, {
      command: ['/bin/agent', '--server', '{endpoint}', "it's"],
      environment: { TOKEN: 'a b$c' },
      restart,
    });

  it('becomes the agent itself without a supervisor', () => {
    expect(script(false)).toContain(`exec '/bin/agent' '--server' '${layout.endpoint}'`);
    expect(script(false)).not.toContain('while');
  });

  it.each([true, false])('is valid shell that keeps words as they are (restart: %s)', (restart) => {
    execFileSync('sh', ['-n'], { input: script(restart) });
    expect(script(restart)).toContain("export TOKEN='a b$c'");
    expect(script(restart)).toContain(`'it'\\''s'`);
  });
});

describe('nodeFiles', () => {
  it('makes shell scripts without syntax errors', () => {
    for (const configureChassis of [true, false]) {
      const files = nodeFiles(layout, node, configureChassis);
      execFileSync('sh', ['-n'], { input: files['init.sh'] });
      execFileSync('sh', ['-n'], { input: files['daemon.sh'] });
    }
  });

  it('leaves joining OVN to the agent when asked to', () => {
    expect(nodeFiles(layout, node, true)['init.sh']).toContain('external_ids:ovn-remote=');
    expect(nodeFiles(layout, node, false)['init.sh']).not.toContain('ovn-remote');
  });

  it('starts every daemon of a host at its boot', () => {
    const init = nodeFiles(layout, node, true)['init.sh'] ?? '';
    const daemons: NodeDaemon[] = ['libvirtd', 'ovsdb-server', 'ovs-vswitchd', 'ovn-controller'];
    for (const daemon of daemons) expect(init).toContain(`daemon.sh ${daemon}`);
  });
});
