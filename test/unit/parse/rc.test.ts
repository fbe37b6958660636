import { expect, test } from 'vitest';
import { parseRc } from '../../../agent/parse/rc.ts';

// packstack's keystonerc_admin (packstack/plugins/keystone_100.py at Icehouse), and forms that people give it
test('plain and quoted values; what a shell would have to expand is left out', () => {
  const text = "export OS_USERNAME=admin\nexport OS_PASSWORD='a $b'\nOS_TENANT_NAME=\"admin\" # tenant\nexport OS_AUTH_URL=http://controller.example.test:35357/v2.0/\n"
    + "export PS1='[\\u@\\h \\W(keystone_admin)]\\$ '\nexport TOKEN=$(cat /root/token)\nexport HOST=\"$HOSTNAME\"\n#export OS_REGION=x\nexport OS_USERNAME=root\n";
  const found = parseRc(text);
  expect(Object.fromEntries(found)).toEqual({ OS_USERNAME: 'root', OS_PASSWORD: 'a $b', OS_TENANT_NAME: 'admin', OS_AUTH_URL: 'http://controller.example.test:35357/v2.0/', PS1: '[\\u@\\h \\W(keystone_admin)]\\$ ' });
});
