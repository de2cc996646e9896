//! Attacks on the sandbox, through the API: a scripted model makes tasks run them, and the host is
//! looked at. Each attack has an id (a letter for its kind, a number) and a row of the table in
//! `docs/reference/escape-suite.md`.

mod a_files;
mod b_processes;
mod c_privileges;
mod d_kernel;
mod e_listed;
mod e_network;
mod f_resources;
mod g_output;
mod h_file_api;
mod host;
mod i_secrets;
mod j_availability;
mod stand;
mod suite;
mod table;
