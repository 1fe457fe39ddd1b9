import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import SwiftProtobuf
import Synchronization
import Wire

/// Holds the placement map and keeps it up: from its file at the start, from the control plane's
/// publications, from regular comparison, and from what cells say about their tenants.
///
/// With the control plane dead it serves what it has; without a map at all it is not ready.
final class MapKeeper: Service {
  /// Where a tenant's requests go now.
  struct Route: Sendable {
    let placement: PlacementMap.Placement
    let cell: PlacementMap.Cell
  }

  private struct State {
    var map = PlacementMap()
    /// Whether the map came from the control plane or a good file, ever.
    var isFilled = false
    var isDirty = false
    var confirmedAt: ContinuousClock.Instant?
    /// What was wrong with the file at the start, until the control plane has given a map.
    var fileFault: String?
    var refreshing: Task<Bool, Never>?
    var refreshedAt: ContinuousClock.Instant?
    /// Whether the last look-up could compare this map with the control plane's.
    var wasCompared = false
  }

  private let messenger: any Messenger
  private let configuration: RouterConfiguration
  private let file: MapFile
  private let startedAt: Timestamp
  private let trace: @Sendable () -> String
  private let logger: Logger
  private let state = Mutex(State())

  init(
    configuration: RouterConfiguration, messenger: any Messenger, fileSystem: any FileSystem,
    clock: any WallClock, seal: MapSeal? = nil, trace: @escaping @Sendable () -> String,
    logger: Logger
  ) {
    self.configuration = configuration
    self.messenger = messenger
    self.trace = trace
    self.logger = logger
    file = MapFile(fileSystem: fileSystem, path: configuration.mapFile, seal: seal)
    startedAt = Timestamp(milliseconds: clock.milliseconds())
  }

  /// Takes the map from its file; call before serving.
  func load() {
    switch file.load() {
    case .missing: break
    case .map(let map, let isDue):
      logger.info("map read from its file", metadata: ["map_version": "\(map.version)"])
      state.withLock { state in
        state.map = map
        state.isFilled = true
        state.isDirty = isDue
      }
    case .unusable(let why):
      logger.error("the map's file is unusable", metadata: ["reason": .string(why)])
      state.withLock { $0.fileFault = why }
    }
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.follow() }
        group.addTask { await self.compare() }
        group.addTask { await self.keep() }
      }
    }
    save()
  }

  // MARK: Reading

  func read<Answer>(_ body: (borrowing PlacementMap) -> Answer) -> Answer {
    state.withLock { body($0.map) }
  }

  func route(of tenant: TenantID) -> Route? {
    state.withLock { state in
      guard let placement = state.map.placement(of: tenant),
        let cell = state.map.cells[placement.cell], !cell.address.isEmpty
      else { return nil }
      return Route(placement: placement, cell: cell)
    }
  }

  var isReady: Bool { state.withLock { $0.isFilled } }

  /// The time since the control plane confirmed the map last; nil where it never has.
  var age: Duration? { state.withLock { $0.confirmedAt.map { .now - $0 } } }

  func problems(now: Timestamp) -> [HealthReport.Problem] {
    let (isFilled, fault, confirmedAt) = state.withLock {
      ($0.isFilled, $0.fileFault, $0.confirmedAt)
    }
    var problems: [HealthReport.Problem] = []
    if !isFilled {
      let detail =
        fault.map { "the map's file is unusable (\($0)) and the control plane gives none" }
        ?? "there is no map on disk and the control plane gives none"
      problems.append(problem(fault == nil ? "map_missing" : "map_corrupt", startedAt, detail))
    }
    let age = confirmedAt.map { .now - $0 }
    if let age, age > configuration.limits.staleAfter {
      let since = now.adding(seconds: -age.components.seconds)
      problems.append(problem("map_stale", since, "the control plane has not confirmed the map"))
    } else if isFilled, age == nil {
      problems.append(
        problem("map_stale", startedAt, "serving from the map's file; no control plane yet"))
    }
    return problems
  }

  private func problem(_ code: String, _ since: Timestamp, _ detail: String)
    -> HealthReport.Problem
  {
    HealthReport.Problem(
      code: code, since: since, runbook: "docs/runbooks/router-map.md", detail: detail)
  }

  // MARK: Learning

  /// A cell says where a tenant is; answers whether that is news.
  func learn(_ tenant: TenantID, at cell: CellID, epoch: Epoch) -> Bool {
    state.withLock { state in
      let isNews = state.map.learn(tenant, at: cell, epoch: epoch)
      if isNews { state.isDirty = true }
      return isNews
    }
  }

  /// Asks for a newer map because a key is not in this one; answers whether this map is the control
  /// plane's, as of a moment ago.
  ///
  /// Lookups that come together share one request; one that comes right after it has its answer.
  func refreshForLookup() async -> Bool {
    let (task, wasCompared) = state.withLock { state -> (Task<Bool, Never>?, Bool) in
      if let running = state.refreshing { return (running, false) }
      let last = state.refreshedAt
      if let last, .now - last < configuration.limits.lookupRefresh {
        return (nil, state.wasCompared)
      }
      state.refreshedAt = .now
      let task = Task { await self.refreshOnce() }
      state.refreshing = task
      return (task, false)
    }
    return await task?.value ?? wasCompared
  }

  private func refreshOnce() async -> Bool {
    let answer = await refresh()
    state.withLock { state in
      state.refreshing = nil
      state.wasCompared = answer
    }
    return answer
  }

  /// Compares with the control plane and pulls the chunks that differ; answers whether this map is
  /// the control plane's now.
  @discardableResult func refresh() async -> Bool {
    do {
      var manifest = try Aimstors_ProtoMapManifest(serializedBytes: try await ask(.mapManifest, []))
      for _ in 0..<configuration.limits.pullRounds {
        let missing = read { $0.missing(from: manifest) }
        if missing.isEmpty {
          confirm()
          return true
        }
        var pull = Aimstors_ProtoMapPull()
        pull.chunks = missing
        manifest = try merge(try await ask(.mapPull, try pull.serializedBytes()))
      }
      logger.warning("the map did not come whole")
    } catch {
      logger.debug("no map from the control plane", metadata: ["error": "\(error)"])
    }
    return false
  }

  private func ask(_ method: WireMethod, _ payload: [UInt8]) async throws -> [UInt8] {
    try await messenger.peer(at: configuration.controlPlane).request(
      method, payload, timeout: configuration.limits.mapRequestTime, traceID: trace())
  }

  @discardableResult private func merge(_ page: [UInt8]) throws -> Aimstors_ProtoMapManifest {
    try state.withLock { state in
      let manifest = try state.map.merge(page: page, hash: Digests.sha256)
      state.isDirty = true
      return manifest
    }
  }

  private func confirm() {
    state.withLock { state in
      state.isFilled = true
      state.fileFault = nil
      state.confirmedAt = .now
    }
  }

  // MARK: Following

  private func follow() async {
    while !Task.isCancelled {
      do {
        let pages = try await messenger.subscribe(
          to: configuration.mapPublisher, topics: [.map])
        // What was published before the subscription stood is pulled.
        await refresh()
        for await page in pages { take(page.payload) }
      } catch {
        logger.debug("no subscription to the map", metadata: ["error": "\(error)"])
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  private func take(_ page: [UInt8]) {
    do {
      try merge(page)
    } catch {
      // The next comparison pulls what is missing.
      logger.warning("a published map page was refused", metadata: ["error": "\(error)"])
    }
  }

  private func compare() async {
    while !Task.isCancelled {
      await refresh()
      // Without a map, ask again soon.
      try? await Task.sleep(for: isReady ? configuration.limits.recheck : .seconds(1))
    }
  }

  /// Soon, and beside the questions, which a dead control plane does not answer: a router that
  /// dies meanwhile starts from its file, and knows nobody else to ask.
  private func keep() async {
    while !Task.isCancelled {
      let began = ContinuousClock.now
      save()
      let rest = (ContinuousClock.now - began) * configuration.limits.fileRest
      try? await Task.sleep(for: max(configuration.limits.fileInterval, rest))
    }
  }

  /// Writes the map to its file where it has changed.
  func save() {
    let map = state.withLock { state -> PlacementMap? in
      guard state.isDirty, state.isFilled else { return nil }
      state.isDirty = false
      return state.map
    }
    guard let map else { return }
    do {
      try file.save(map)
    } catch {
      state.withLock { $0.isDirty = true }
      logger.error("the map could not be written", metadata: ["error": "\(error)"])
    }
  }
}
