import Platform
import Storage
import Wire

/// The copy of a tenant's files to a move's target, while the tenant is served.
struct MoveCopy: Sendable {
  let environment: MoveEnvironment
  let order: MoveOrder
  let target: MovePeer
  let progress: CellWork.Progress
  let isCancelled: @Sendable () -> Bool

  struct Copied: Sendable {
    /// The last record that the copied files hold.
    let position: MovePosition
    let bytes: UInt64
  }

  func run() async throws -> Copied {
    let place = "\(environment.dataDirectory)/moving/\(order.tenant).\(order.epoch.rawValue)"
    let room = environment.room
    try room.take(.copy(order.tenant), bytes: try await environment.size(of: order.tenant))
    defer { room.giveBack(.copy(order.tenant)) }
    try await clear(place)
    do {
      let copied = try await copy(place)
      try await clear(place)
      return copied
    } catch {
      try? await clear(place)
      throw error
    }
  }

  private func clear(_ place: String) async throws {
    let files = environment.files
    try await Blocking.run("move") { try FileTree.remove(place, files) }.get()
  }

  private func copy(_ place: String) async throws -> Copied {
    progress.step("copy")
    let files = environment.files
    let moving = "\(environment.dataDirectory)/moving"
    try await Blocking.run("move") { try files.createDirectory(moving) }.get()
    var pace = MovePace()
    let snapshot = try await pace.work {
      try await environment.engine.snapshot(order.tenant, into: place)
    }
    let media = "\(TenantDirectory.of(order.tenant, in: environment.dataDirectory))/media"
    var parts = snapshot.files.map { (name: $0.name, path: "\(place)/\($0.name)") }
    parts += snapshot.media.map { (name: "media/\($0)", path: "\(media)/\($0)") }
    let paths = parts.map(\.path)
    let sizes = try await Blocking.run("move") {
      try paths.map { try Self.length($0, files) }
    }.get()
    let bytes = sizes.reduce(0, +)
    try await begin(bytes, snapshot.head)
    progress.step("copy", done: 0, total: Int64(bytes))
    await MoveStops.pass("copy")
    for (part, size) in zip(parts, sizes) {
      try await send(part.name, part.path, size, &pace, total: bytes)
    }
    progress.step("import")
    await MoveStops.pass("import")
    try await pace.work { try await conclude(snapshot.head, bytes) }
    return Copied(
      position: MovePosition(tenantSeq: snapshot.head.tenantSeq, hash: snapshot.head.hash),
      bytes: bytes)
  }

  private static func length(_ path: String, _ files: any FileSystem) throws -> UInt64 {
    let file = try files.open(path, .read)
    defer { file.close() }
    return try file.length()
  }

  private func begin(_ bytes: UInt64, _ head: TenantHead) async throws(Failure) {
    var message = Aimstors_ProtoMoveBegin()
    message.tenant = order.tenant.rawValue
    message.epoch = order.epoch.rawValue
    message.sourceAddress = environment.address()
    message.bytes = bytes
    message.timeMs = environment.clock.milliseconds()
    message.schemaVersion = head.schemaVersion
    message.durability = environment.directives.modes.own(of: order.tenant)?.rawValue ?? ""
    // A target that restarts is waited for: nothing has been given up for it yet.
    let end = ContinuousClock.now + MoveLimits.beginPatience
    while true {
      do throws(Failure) {
        _ = try await target.ask(.moveBegin, message, timeout: MoveLimits.copyTimeout)
        return
      } catch {
        let mayPass = [.cellUnavailable, .outcomeUnknown, .recovering].contains(error.code)
        guard mayPass, ContinuousClock.now < end, !isCancelled(),
          (try? await Task.sleep(for: MoveLimits.beginPause)) != nil
        else { throw error }
        message.timeMs = environment.clock.milliseconds()
      }
    }
  }

  private func send(
    _ name: String, _ path: String, _ size: UInt64, _ pace: inout MovePace, total: UInt64
  ) async throws {
    let files = environment.files
    var offset: UInt64 = 0
    repeat {
      guard !isCancelled() else { throw MoveOrder.cancelled }
      let at = offset
      let count = Int(min(UInt64(MoveLimits.partBytes), size - min(size, at)))
      try await pace.work(sends: count) {
        let content = try await Blocking.run("move", as: .background) {
          let file = try files.open(path, .read)
          defer { file.close() }
          return try file.bytes(at: at, count: count)
        }.get()
        var message = Aimstors_ProtoMoveFile()
        message.tenant = order.tenant.rawValue
        message.epoch = order.epoch.rawValue
        message.name = name
        message.offset = at
        message.content = .init(content)
        _ = try await target.ask(.moveFile, message, timeout: MoveLimits.copyTimeout)
      }
      offset += UInt64(count)
      progress.step("copy", done: Int64(pace.bytes), total: Int64(total))
    } while offset < size
  }

  private func conclude(_ head: TenantHead, _ bytes: UInt64) async throws(Failure) {
    var message = Aimstors_ProtoMoveImport()
    message.tenant = order.tenant.rawValue
    message.epoch = order.epoch.rawValue
    message.lineage = head.lineage.rawValue
    message.tenantSeq = head.tenantSeq.rawValue
    message.hash = .init(head.hash.bytes)
    message.timeMs = head.time.milliseconds
    message.schemaVersion = head.schemaVersion
    message.nextDueMs = head.nextDue?.milliseconds ?? 0
    try await target.askImport(message, of: bytes, isCancelled: isCancelled)
  }
}
