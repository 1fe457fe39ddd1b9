import Wire

/// A client: one operation at a time, each under one idempotency key, repeated until it is told.
final class SimulatedClient {
  private enum Operation {
    case debit(TenantID, key: String, amount: Int)
    case claim(String, TenantID)
  }

  private let name: String
  private unowned let deployment: Deployment
  private var operation: Operation?
  private var attempt = 0
  private var count = 0
  /// Debits that were acknowledged, to be repeated now and then.
  private var done: [Operation] = []

  init(_ name: String, _ deployment: Deployment) {
    self.name = name
    self.deployment = deployment
  }

  var isIdle: Bool { operation == nil }

  func planNext() {
    guard deployment.isFaulty else { return }
    deployment.plan(after: deployment.choice.number(in: 0...20_000), "\(name) begins") {
      [unowned self] in begin()
    }
  }

  private func begin() {
    guard deployment.isFaulty else { return }
    let tenant = deployment.choice.one(of: deployment.tenants)
    if !done.isEmpty, deployment.choice.happens(deployment.options.repeated) {
      operation = deployment.choice.one(of: done)
    } else if deployment.choice.happens(deployment.options.claims) {
      operation = .claim("+49\(deployment.choice.number(in: 1...3))", tenant)
    } else {
      count += 1
      operation = .debit(
        tenant, key: "\(name)-\(count)", amount: deployment.choice.number(in: 1...40))
    }
    send()
  }

  private func send() {
    guard let operation else { return }
    attempt += 1
    let attempt = attempt
    let reply: (StoreAnswer) -> Void = { [unowned self] answer in
      deployment.send("answer to \(name)") { self.answered(attempt, answer) }
    }
    switch operation {
    case .debit(let tenant, let key, let amount):
      let router = deployment.choice.one(of: deployment.routers)
      deployment.send("request \(key)") {
        router.debit(tenant, key: key, amount: amount, reply: reply)
      }
    case .claim(let number, let tenant):
      let controlPlane = deployment.controlPlane
      deployment.send("claim \(number)") {
        controlPlane.claim(number, for: tenant, reply: reply)
      }
    }
    deployment.plan(after: 700_000, "\(name) waits no longer") { [unowned self] in
      if self.attempt == attempt, self.operation != nil { send() }
    }
  }

  private func answered(_ attempt: Int, _ answer: StoreAnswer) {
    guard attempt == self.attempt, let operation else { return }
    switch (answer, operation) {
    case (.failed(let failure), _):
      if failure.code == .outcomeUnknown { deployment.sometimes.outcomeUnknown += 1 }
      self.attempt += 1
      deployment.plan(after: deployment.choice.number(in: 5_000...80_000), "\(name) repeats") {
        [unowned self] in send()
      }
      return
    case (.done(let text), .debit(let tenant, let key, _)):
      deployment.sometimes.acked += 1
      deployment.oracle.acknowledged(tenant, key, text)
      done.append(operation)
    case (.done(let text), .claim(let number, _)):
      deployment.oracle.claimed(number, text)
    case (.refused, _): break
    }
    self.operation = nil
    planNext()
  }
}
