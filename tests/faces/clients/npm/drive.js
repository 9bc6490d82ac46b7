// Drives one client: node drive.js CLIENT URL KEY. A JSON line in, {"do": …, "with": […]}, is
// answered by a line: {"value": …}, or {"refused": …} with the token that the client met.
'use strict'

const readline = require('node:readline')

// hero-sms: axios, GET.
function heroSms (url, key) {
  const { HeroSMSClient } = require('hero-sms')
  const api = new HeroSMSClient({ apiKey: key, baseUrl: url })
  return {
    balance: () => api.getBalance(),
    price: async () => (await api.getPrices({ service: 'wa', country: 187 }))['187'].wa.cost,
    buy: async (service) => {
      const bought = await api.getNumber({ service, country: 187, maxPrice: 2 })
      return [String(bought.activationId), bought.phoneNumber]
    },
    code: async (id) => (await api.getStatus(Number(id))).code ?? null,
    done: (id) => api.complete(Number(id)),
    cancel: (id) => api.cancel(Number(id)),
    token: (error) => error.code
  }
}

// sms-activate: axios, POST with everything in the query; looks for words in the answer.
function smsActivate (url, key) {
  const SMSActivate = require('sms-activate')
  const api = new SMSActivate(key)
  api.session.defaults.baseURL = url
  const tokens = { InvalidAPIKey: 'BAD_KEY', BadService: 'BAD_SERVICE', NoFreeNumbers: 'NO_NUMBERS' }
  return {
    // Its own words cut balances to whole dollars, and know no prices.
    balance: async () => Number((await api._createRequest('getBalance')).split(':')[1]),
    price: async () => {
      const params = { api_key: key, action: 'getPrices', service: 'wa', country: 187 }
      return (await api.session({ params })).data['187'].wa.cost
    },
    buy: async (service) => {
      const bought = await api.getNumber(service, 187)
      return [String(bought.id), String(bought.number)]
    },
    code: (id) => api.getCode(id),
    done: (id) => api.setStatus(id, 6),
    cancel: (id) => api.setStatus(id, 8),
    token: (error) => tokens[error.name]
  }
}

async function main (name, url, key) {
  const client = { 'hero-sms': heroSms, 'sms-activate': smsActivate }[name](url, key)
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line)
    let answer
    try {
      answer = { value: await client[asked.do](...asked.with) }
    } catch (error) {
      answer = { refused: client.token(error) ?? String(error) }
    }
    process.stdout.write(JSON.stringify(answer) + '\n')
  }
}

main(...process.argv.slice(2))
