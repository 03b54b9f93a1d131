// A PDS, or the directory of identities that it needs, with every listener on loopback.
import net from 'node:net'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  const [first] = args
  const done = args.find((arg) => typeof arg === 'function')
  if (typeof first === 'object' && first !== null) {
    return listen.call(this, 'port' in first ? { ...first, host: '127.0.0.1' } : first, done)
  }
  return listen.call(this, { port: Number(first), host: '127.0.0.1' }, done)
}

const require = createRequire(`${process.env.MODULES}/package.json`)
if (process.argv[2] === 'plc') {
  const { PlcServer, Database } = require('@did-plc/server')
  await PlcServer.create({ db: Database.mock(), port: Number(process.env.PLC_PORT) }).start()
} else {
  const { PDS, readEnv, envToCfg, envToSecrets } = await import(pathToFileURL(require.resolve('@atproto/pds')))
  const env = readEnv()
  const pds = await PDS.create(envToCfg(env), envToSecrets(env))
  await pds.start()
}
