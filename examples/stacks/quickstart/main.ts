/**
 * The fleet of `examples/quickstart/main.tf`, declared with the constructs: three virtual machines
 * on two hosts, from one uploaded image, on one storage pool and one network.
 * The image's path comes from the variable GUEST_IMAGE; run it with `npm run cdktf -- deploy`.
 */
import { App } from 'cdktf';
import { QuickstartStack } from './quickstart-stack.js';

const app = new App();
new QuickstartStack(app, 'quickstart', {
  guestImage: process.env['GUEST_IMAGE'] ?? '.build/guest/limiquantix-guest.qcow2',
});
app.synth();
