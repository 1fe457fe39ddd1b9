import Router
import Wire

/// A router: looks a tenant up in its own map, which may be old, forwards, retries, parks, sheds.
final class SimulatedRouter {
  enum CallOutcome {
    case reply(SimulatedCell.Reply)
    case timedOut, saturated
    case unreachable(sent: Bool)
  }

  /// One client's request while it is here.
  private final class Request {
    let tenant: TenantID
    let key: String
    let amount: Int
    var policy: RetryPolicy
    let reply: (StoreAnswer) -> Void

    init(
      _ tenant: TenantID, _ key: String, _ amount: Int, _ limits: RouterLimits,
      _ reply: @escaping (StoreAnswer) -> Void
    ) {
      self.tenant = tenant
      self.key = key
      self.amount = amount
      self.reply = reply
      policy = RetryPolicy(isRead: false, limits: limits)
    }
  }

  static let limits: RouterLimits = {
    var limits = RouterLimits()
    limits.parkTime = .milliseconds(400)
    limits.parkedRequests = 3
    limits.parkedPerTenant = 2
    return limits
  }()

  let name: String
  private unowned let deployment: Deployment
  private(set) var map = PlacementMap()
  private var parking = Parking(limits: SimulatedRouter.limits)
  private(set) var links: [CellID: SimulatedLink] = [:]
  private(set) var life = 0
  /// The map that is on its disk: often older than the one in memory.
  private var stored = PlacementMap()

  init(_ name: String, _ deployment: Deployment) {
    self.name = name
    self.deployment = deployment
    connect()
  }

  private func connect() {
    for cell in deployment.cells {
      let link = SimulatedLink(cell, deployment)
      links[cell.id] = link
      if cell.isUp { link.connected() }
    }
  }

  /// Ends and starts again from the map on its disk; what it was doing is forgotten.
  func restart() {
    life += 1
    map = stored
    parking = Parking(limits: Self.limits)
    connect()
  }

  /// Any hash serves here: it only says that a page came whole.
  static func hash(_ bytes: [UInt8]) -> [UInt8] {
    let crc = CRC32.of(bytes)
    return (0..<4).map { UInt8(truncatingIfNeeded: crc >> ($0 * 8)) }
  }

  func merge(_ page: [UInt8]) {
    do {
      try map.merge(page: page, hash: Self.hash)
      if deployment.choice.happens(200) { stored = map }
      deployment.examineMap(self)
    } catch {
      deployment.fail("\(name) rejects a page of its control plane: \(error)")
    }
  }

  func debit(
    _ tenant: TenantID, key: String, amount: Int, reply: @escaping (StoreAnswer) -> Void
  ) {
    attempt(Request(tenant, key, amount, Self.limits, reply))
  }

  private func attempt(_ request: Request) {
    guard let placement = map.placement(of: request.tenant), let link = links[placement.cell]
    else {
      return decide(request, .unplaced, nil)
    }
    let owner = RetryPolicy.Owner(cell: placement.cell, generation: .first)
    if let failure = request.policy.refusal(of: owner) { return request.reply(.failed(failure)) }
    link.submit(
      SimulatedCall(
        tenant: request.tenant, epoch: placement.epoch, key: request.key, amount: request.amount
      ) { [unowned self, life] outcome in
        if life == self.life { ended(request, outcome, owner) }
      })
  }

  private func ended(_ request: Request, _ outcome: CallOutcome, _ owner: RetryPolicy.Owner) {
    switch outcome {
    case .reply(.answer(.failed(let failure))): decide(request, .refused(failure), owner)
    case .reply(.answer(let answer)): request.reply(answer)
    case .reply(.moved(let cell, let epoch)):
      deployment.sometimes.redirect += 1
      var isNews = false
      if let cell, let epoch { isNews = map.learn(request.tenant, at: cell, epoch: epoch) }
      deployment.examineMap(self)
      // Nobody said where: a newer map may.
      if !isNews { deployment.send("pull map") { [unowned self] in pull() } }
      decide(request, .moved(isNews: isNews), owner)
    case .timedOut: decide(request, .timedOut, owner)
    case .saturated: decide(request, .saturated, owner)
    case .unreachable(let sent): decide(request, .unreachable(sent: sent), owner)
    }
  }

  private func pull() { deployment.controlPlane.push(to: self) }

  private func decide(
    _ request: Request, _ outcome: RetryPolicy.Outcome, _ owner: RetryPolicy.Owner?
  ) {
    switch request.policy.decide(after: outcome, at: owner, now: deployment.now) {
    case .again: attempt(request)
    case .answer(let failure): request.reply(.failed(failure))
    case .park(let wait):
      guard parking.enter(request.tenant, bytes: 100) else {
        deployment.sometimes.shed += 1
        let failure = Failure(.overloaded, "no room to wait")
        return request.reply(.failed(request.policy.told(failure)))
      }
      let microseconds = Int(wait / .microseconds(1))
      deployment.plan(after: microseconds, "\(name) tries again") {
        [unowned self, life] in
        guard life == self.life else { return }
        parking.leave(request.tenant, bytes: 100)
        attempt(request)
      }
    }
  }
}
