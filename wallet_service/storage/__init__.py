"""Everything that is kept: tables, queries, migrations, the embedded server and the template folders."""
