import Platform
import Simulation
import Testing

@testable import Chaos

/// What `chaos io` strikes, and that it does what its name says.
@Suite struct CallFaultTests {
  @Test func `every path is of one layer, directories among them`() {
    let journal = ["/data/journal", "/data/journal/heads", "/data/journal/00000001.journal"]
    let beside = [
      "/data", "/data/boot.tmp", "/data/owner.lock", "/data/kept", "/data/kept/t1",
      "/data/tenants", "/data/tenants/t1", "/data/tenants/t1/ledger.sqlite-wal",
      "/data/journals",
    ]
    for (layer, paths) in [(StorageLayer.journal, journal), (StorageLayer.sqlite, beside)] {
      for path in paths {
        #expect(StorageLayer.of(path) == layer, "\(path)")
        #expect(StorageLayer.allCases.filter { $0.paths.contains(path) } == [layer], "\(path)")
      }
    }
  }

  /// The first fsyncs of either layer: a new journal's directory is among them, and the data
  /// directory's, in which it was made.
  @Test(arguments: StorageLayer.allCases)
  func `a directory's fsync is struck, and costs nothing that was acknowledged`(
    _ layer: StorageLayer
  ) async throws {
    let way = IOMode.Way(layer: layer, kind: .sync, isPermanent: false)
    let vfs = StorageMachine.makeVFS()
    var hit: Set<String> = []
    for call in 1...4 {
      var mode = IOMode()
      var cycle = StorageCycle()
      let machine = StorageMachine(vfs: vfs, seed: 1)
      try await mode.run(
        IOMode.Fault(way: way, call: call, losesPower: true), machine,
        SeededRandomSource(seed: UInt64(call)), &cycle)
      await machine.end()
      var report = ChaosReport()
      cycle.join(&report, call, "fsync \(call)")
      #expect(report.isOK, "\(report)")
      hit.formUnion(report.faultsHit.keys)
    }
    #expect(hit.contains("\(layer.rawValue) syncDirectory fsync-EIO"), "\(hit)")
  }

  @Test(arguments: [0, 1, 32, 100, 101, 5_000])
  func `a short write is always shorter than what was asked`(_ count: Int) throws {
    let disk = SimulatedDisk()
    let files = disk.fileSystem()
    try files.createDirectory("/data")
    let file = try files.open("/data/file", .createNew)
    disk.inject(CallFault(.shortWrite, call: 1, isPermanent: false))
    #expect(throws: FileError.self) {
      try file.write([UInt8](repeating: 1, count: count), at: 0)
    }
    #expect(disk.faultsMet.values.reduce(0, +) == 1)
    #expect(disk.bytes("/data/file")?.count == min(100, count / 2))
    try file.write([UInt8](repeating: 1, count: count), at: 0)
    #expect(disk.bytes("/data/file")?.count == count)
  }
}
