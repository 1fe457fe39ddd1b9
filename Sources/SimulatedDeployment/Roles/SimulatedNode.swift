import Simulation
import Wire

/// One process with a store: up or down, on a disk that outlives it.
class SimulatedNode {
  let id: CellID
  let disk = SimulatedDisk()
  unowned let deployment: Deployment
  let clocks: NodeClocks
  private(set) var store: SimulatedStore?
  /// Plans of an earlier life do nothing.
  private(set) var life = 0

  /// The call after which the machine is gone, in the middle of whatever it does.
  private var lastCall: Int?

  init(_ id: CellID, _ deployment: Deployment) {
    self.id = id
    self.deployment = deployment
    clocks = NodeClocks { [unowned deployment] in deployment.scheduler.microseconds }
  }

  var isUp: Bool { store != nil }

  /// Whether it will end in the middle of a call.
  var isDoomed: Bool { lastCall != nil }

  /// Lets `calls` more calls of the disk through, then none.
  func doom(afterCalls calls: Int) {
    disk.losePower(afterCalls: calls)
    lastCall = disk.callCount + calls
  }

  /// Leaves `bytes` of the disk until there is room again.
  func fillDisk(leaving bytes: Int) { disk.limitFreeBytes(UInt64(bytes)) }

  func makeRoom() { disk.limitFreeBytes(.max) }

  /// Recovers what is on the disk.
  func start() {
    guard store == nil else { return }
    life += 1
    do {
      let opened = try SimulatedStore(
        id, disk: disk, options: deployment.options, clocks: clocks)
      store = opened
      deployment.trace("\(id) serves")
      planLook()
      started()
    } catch let violation as SimulatedStore.Violation {
      deployment.fail(violation.text)
    } catch {
      // The disk failed again while it was read.
      crash("\(error)")
    }
  }

  /// Ends the process, or the machine with it, and plans the next start.
  func crash(_ reason: String) {
    let losesPower = deployment.choice.happens(500)
    deployment.trace("\(id) \(losesPower ? "loses power" : "is killed"): \(reason)")
    if let store { deployment.collect(self, store) }
    store = nil
    lastCall = nil
    life += 1
    if losesPower {
      deployment.sometimes.powerLoss += 1
      let fates: [SimulatedDisk.Fate] = [
        .lost, .kept, .mixed(seed: deployment.choice.word()),
        .mixed(seed: deployment.choice.word()),
      ]
      disk.losePower(deployment.choice.one(of: fates))
    } else {
      deployment.sometimes.kill += 1
      disk.kill()
    }
    ended()
    deployment.plan(after: deployment.choice.number(in: 20_000...200_000), "\(id) starts") {
      [unowned self] in start()
    }
  }

  /// Runs `body` on the store of this life; what it throws ends the process.
  func withStore(_ body: (SimulatedStore) throws -> Void) {
    guard let store else { return }
    do {
      try body(store)
      // A process may take the end of its disk for an error that passes: it is gone all the same.
      if let lastCall, disk.callCount > lastCall { crash("in the middle of a call") }
    } catch let violation as SimulatedStore.Violation {
      deployment.fail(violation.text)
    } catch {
      crash("\(error)")
    }
  }

  /// Plans something that happens only in this life.
  func planHere(after delay: Int, _ name: String, _ action: @escaping () -> Void) {
    let life = life
    deployment.plan(after: delay, "\(id) \(name)") { [unowned self] in
      if self.life == life, isUp { action() }
    }
  }

  func submit(_ command: StoreCommand, to tenant: TenantID) {
    withStore { store in
      if store.submit(command, to: tenant) { planRun(tenant) }
    }
  }

  func planRun(_ tenant: TenantID) {
    planHere(after: deployment.choice.number(in: 50...500), "runs \(tenant)") { [unowned self] in
      withStore { store in
        let again = try store.run(tenant, more: deployment.choice.happens(500))
        if again { planRun(tenant) } else { planStep() }
      }
    }
  }

  func planStep() {
    planHere(after: deployment.choice.number(in: 100...2_000), "writes") { [unowned self] in
      withStore { store in
        for tenant in try store.step() { planRun(tenant) }
        planAttempts(store)
        // Where a group was full, more waits.
        if store.hasInFlight { planStep() }
      }
    }
  }

  func started() {}
  func ended() {}
}
