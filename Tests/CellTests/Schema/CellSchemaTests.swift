import Storage
import Testing

@testable import Cell

@Suite("Cell schema") struct CellSchemaTests {
  @Test func `every table of a tenant and of the cell keeps the schema rules`() throws {
    #expect(try SchemaRules.violations(of: CellSchema.schema) == [])
    #expect(try SchemaRules.violations(of: CellStoreSchema.schema) == [])
  }
}
