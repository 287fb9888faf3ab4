# Writes the public headers as users include them: include/ebb/optim/decay.h, whose own includes begin with "ebb/" too,
# so that no folder of a user's project can stand before them. ebb/ebb.h includes all of them but those of the kernels,
# and xview.h, which needs xtensor.
#   cmake -DSOURCE=tree -DHEADERS=file with their paths -DOUTPUT=folder -P public_headers.cmake
file(STRINGS ${HEADERS} headers)

# An unchanged file keeps its time: what includes it is not compiled anew.
function(write_changed path text)
  set(before "")
  if(EXISTS ${path})
    file(READ ${path} before)
  endif()
  if(NOT text STREQUAL before)
    file(WRITE ${path} "${text}")
  endif()
endfunction()

set(all "/// \\file\n/// Everything public of Ebb.\n#pragma once\n\n")
foreach(header IN LISTS headers)
  file(READ ${SOURCE}/${header} text)
  string(REGEX REPLACE "(#include \")((framework|optim|data|models|lab)/)" "\\1ebb/\\2" text "${text}")
  write_changed(${OUTPUT}/ebb/${header} "${text}")
  if(NOT header MATCHES "^framework/kernels/|/xview[.]h$")
    string(APPEND all "#include \"ebb/${header}\"\n")
  endif()
endforeach()
write_changed(${OUTPUT}/ebb/ebb.h "${all}")

file(GLOB_RECURSE written RELATIVE ${OUTPUT}/ebb ${OUTPUT}/ebb/*.h)
list(REMOVE_ITEM written ${headers} ebb.h)
foreach(gone IN LISTS written)
  file(REMOVE ${OUTPUT}/ebb/${gone})
endforeach()
