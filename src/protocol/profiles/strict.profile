# Profile `strict`: refuses whatever the vendor page does not describe.
base documented

set int_as_string          27/10
set duplicate_key          27/10
set load_without_mode      27/10
set unknown_request        27/10
set undocumented_modes     27/10
set validate_unused_goal   yes
set cancel_no_match        27/10
set auto_completion_place  top

# unload_running
cell campaign unload running 27/7
