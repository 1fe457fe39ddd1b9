import Simulation
import Wire

/// A whole deployment in one thread: cells, routers, a control plane, clients, their network, disks
/// and clock, all driven by one queue and one seed.
final class Deployment {
  let options: SimulationOptions
  var choice: SeededChoice
  /// For what was added later, so that it takes no number from ``choice``.
  var otherChoice: SeededChoice
  var sometimes = Sometimes()
  var oracle = Oracle()
  /// Counts debits, so that two effects under one key are two rows.
  var placeCount = 0
  let tenants: [TenantID]
  private(set) var cells: [SimulatedCell] = []
  private(set) var routers: [SimulatedRouter] = []
  private(set) var clients: [SimulatedClient] = []
  private(set) var scheduler = Scheduler()
  private var platform: SimulatedControlPlane?
  var isLossy = false
  private let show: ((String) -> Void)?
  /// Only differences of it are used.
  private let epoch = ContinuousClock.now

  init(seed: UInt64, options: SimulationOptions, trace: ((String) -> Void)?) {
    self.options = options
    choice = SeededChoice(seed: seed)
    otherChoice = SeededChoice(seed: seed ^ 0x6F74_6865_7220_6F6E)
    show = trace
    tenants = (1...options.tenants).map { TenantID(trusted: "tenant\($0)") }
    cells = (1...options.cells).map { SimulatedCell(CellID(trusted: "cell\($0)"), self) }
    routers = (1...options.routers).map { SimulatedRouter("router\($0)", self) }
    clients = (1...options.clients).map { SimulatedClient("client\($0)", self) }
    platform = SimulatedControlPlane(CellID(trusted: "platform"), self)
  }

  var controlPlane: SimulatedControlPlane {
    guard let platform else { preconditionFailure("a deployment has a control plane") }
    return platform
  }

  var now: ContinuousClock.Instant { epoch + .microseconds(scheduler.microseconds) }
  var isFaulty: Bool { scheduler.microseconds < Int64(options.faultyMilliseconds) * 1_000 }
  var nodes: [SimulatedNode] { cells as [SimulatedNode] + [controlPlane] }

  func cell(_ id: CellID) -> SimulatedCell? { cells.first { $0.id == id } }

  func trace(_ text: @autoclosure () -> String) {
    if let show { show("\(scheduler.microseconds) µs: \(text())") }
  }

  func fail(_ text: String) { oracle.fail(text) }

  func plan(after microseconds: Int, _ name: String, _ action: @escaping () -> Void) {
    scheduler.plan(after: microseconds, name, action)
  }

  /// Sends a message: it may be lost, come twice, late and out of order.
  func send(_ name: String, _ action: @escaping () -> Void) {
    let loss = isFaulty ? (isLossy ? 500 : options.dropped) : 0
    if choice.happens(loss) { return trace("lost: \(name)") }
    plan(after: delay(), name, action)
    if isFaulty, choice.happens(options.duplicated) { plan(after: delay(), name, action) }
  }

  private func delay() -> Int {
    choice.happens(50) ? choice.number(in: 5_000...300_000) : choice.number(in: 100...3_000)
  }

  /// Runs to the end, or to the first violation.
  func run() -> (violation: String?, events: UInt64) {
    for node in nodes { plan(after: 0, "\(node.id) starts") { node.start() } }
    for client in clients { plan(after: 100_000, "first operation") { client.planNext() } }
    planFault()
    planSurroundings()
    plan(after: options.faultyMilliseconds * 1_000, "all heals") { [unowned self] in
      for node in nodes {
        node.disk.clearFaults()
        node.makeRoom()
        if node.isDoomed { node.crash("before all heals") }
      }
      for router in routers {
        for cell in cells where cell.isUp { router.links[cell.id]?.connected() }
      }
    }
    let last = Int64(options.faultyMilliseconds + options.healingMilliseconds) * 1_000
    while let event = scheduler.next() {
      trace(event.name)
      event.action()
      examine()
      if oracle.violation != nil { break }
      if !isFaulty, isAtRest { break }
      if event.microseconds > last {
        fail("the deployment did not come to rest")
        break
      }
    }
    if oracle.violation == nil { examineAll() }
    for node in nodes { if let store = node.store { collect(node, store) } }
    return (oracle.violation, scheduler.events)
  }

  private var isAtRest: Bool {
    guard clients.allSatisfy(\.isIdle), nodes.allSatisfy({ $0.store?.isBehind == false })
    else { return false }
    return tenants.allSatisfy { owners(of: $0).count == 1 && !isMoving($0) }
      && !controlPlane.hasPending
  }

  /// Whether some cell holds a tenant on its way.
  private func isMoving(_ tenant: TenantID) -> Bool {
    cells.contains { cell in
      switch cell.store?.heads[tenant]?.ownership {
      case .moving, .importing, .ready: true
      case .owned, .released, .refused, nil: false
      }
    }
  }

  /// Cells that are up and serve a tenant.
  func owners(of tenant: TenantID) -> [SimulatedCell] {
    cells.filter { $0.store?.heads[tenant]?.ownership.isServed ?? false }
  }

  /// Counters of a store whose process ends.
  func collect(_ node: SimulatedNode, _ store: SimulatedStore) {
    sometimes.add(store.sometimes)
    examineLinks(node, store)
  }

  private func examineLinks(_ node: SimulatedNode, _ store: SimulatedStore) {
    for link in store.links { oracle.sees(link, at: node.id) }
    store.links = []
  }

  // What changed is compared with what must hold.

  private func examine() {
    for node in nodes {
      guard let store = node.store, !store.touched.isEmpty else { continue }
      examineLinks(node, store)
      let touched = store.touched
      store.touched = []
      for tenant in touched { examine(node, store, tenant) }
    }
    for tenant in oracle.takeFresh() {
      for cell in owners(of: tenant) { cell.store.map { examine(cell, $0, tenant) } }
    }
  }

  private func examine(_ node: SimulatedNode, _ store: SimulatedStore, _ tenant: TenantID) {
    guard let head = store.heads[tenant], let image = store.image(tenant) else { return }
    oracle.examine(node.id, tenant, head, image)
    if tenant == SimulatedControlPlane.tenant {
      oracle.examineClaims(image)
      for cell in cells {
        oracle.sees(cell.id, SimulatedControlPlane.generation(of: cell.id, in: image))
      }
      for tenant in tenants {
        if let placed = PlacedTenant(image[SimulatedControlPlane.place(tenant)]) {
          oracle.sees("control plane", tenant, placed.epoch)
        }
        if let pending = PlacedTenant(image[SimulatedControlPlane.pending(tenant)]) {
          oracle.seesArmed(tenant, pending.epoch, for: pending.cell)
        }
      }
    }
  }

  private func examineAll() {
    for node in nodes {
      guard let store = node.store else { continue }
      for tenant in store.heads.keys.sorted() { examine(node, store, tenant) }
    }
  }

  /// The map of a router after it took a page or an answer.
  func examineMap(_ router: SimulatedRouter) {
    for tenant in tenants {
      if let known = router.map.placement(of: tenant) {
        // A map that is read back from a disk may be older; in one life it never is.
        oracle.sees("\(router.name) in life \(router.life)", tenant, known.epoch)
      }
    }
  }

  // Cells come and go.

  func cellStarted(_ cell: SimulatedCell) {
    for router in routers {
      plan(after: choice.number(in: 500...30_000), "\(router.name) finds \(cell.id)") {
        if cell.isUp { router.links[cell.id]?.connected() }
      }
    }
  }

  func cellEnded(_ id: CellID) {
    for router in routers {
      plan(after: choice.number(in: 0...30_000), "\(router.name) misses \(id)") {
        [unowned self] in
        guard let link = router.links[id] else { return }
        link.disconnected()
        // It is back already: what ended was the connection to the life before.
        if self.cell(id)?.isUp ?? false { link.connected() }
      }
    }
  }
}

extension Deployment {
  /// A fault now and then, drawn from the seed.
  func planFault() {
    plan(after: choice.number(in: 20_000...200_000), "fault") { [unowned self] in
      guard isFaulty else { return }
      strike()
      planFault()
    }
  }

  private func strike() {
    let cell = choice.one(of: cells)
    switch choice.number(in: 0...11) {
    case 0, 1, 2: if cell.isUp { cell.crash("out of the blue") }
    case 3: if controlPlane.isUp { controlPlane.crash("out of the blue") }
    case 4, 5, 6:
      trace("\(cell.id) will end in the middle of its next calls")
      cell.doom(afterCalls: choice.number(in: 0...6))
    case 7:
      cell.disk.inject(
        SimulatedDisk.Fault(.write, call: choice.number(in: 1...3), .error(5)))
    case 8:
      // Writes end at a sector: a part of one is no disk's doing.
      cell.disk.inject(SimulatedDisk.Fault(.write, call: choice.number(in: 1...3), .shortWrite(0)))
    case 9: cell.disk.inject(SimulatedDisk.Fault(.sync, call: choice.number(in: 1...3), .error(5)))
    case 10: loseMessages()
    default: choice.one(of: routers).restart()
    }
    if choice.happens(400) {
      let tenant = choice.one(of: tenants)
      cell.withStore { try $0.flush(tenant) }
    }
  }

  private func loseMessages() {
    trace("half of all messages are lost")
    isLossy = true
    plan(after: choice.number(in: 50_000...400_000), "messages arrive again") {
      [unowned self] in isLossy = false
    }
    let (router, cell) = (choice.one(of: routers), choice.one(of: cells))
    router.links[cell.id]?.disconnected()
    plan(after: choice.number(in: 50_000...400_000), "\(router.name) reaches \(cell.id)") {
      if cell.isUp { router.links[cell.id]?.connected() }
    }
  }
}
